/** One pause, from the request to the resumption. */
export interface Pause {
  /** Resolves when there is no worker any more. */
  readonly began: Promise<true>;
  /** By the supervision: says that there is none, and resolves when the pause is over. */
  sitOut(): Promise<void>;
  end(): void;
}

export function createPause(): Pause {
  let begin: (value: true) => void = () => {};
  let end: () => void = () => {};
  const began = new Promise<true>((resolve) => {
    begin = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    began,
    sitOut: () => {
      begin(true);
      return ended;
    },
    end: () => end(),
  };
}
