/**
 * Requests between the main thread and one that has an event loop, as the peers' and the search's have and a lane's has not, both ways
 * over one port. What comes in bulk is bounded by its sender, who waits for the answers.
 */
import { type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import { type CollabError, decodeError, encodeError, type WireError } from '../base/errors.ts';

/** Of an interface of methods: what goes into one, and what comes out. Everything is structured-cloned. */
type InputOf<Method> = Method extends (input: infer Input) => unknown ? Input : never;
type OutputOf<Method> = Method extends (input: never) => infer Output ? Awaited<Output> : never;
export type Answerers<Offered> = {
  readonly [Name in keyof Offered]: (
    input: InputOf<Offered[Name]>,
  ) => Promise<OutputOf<Offered[Name]>> | OutputOf<Offered[Name]>;
};

type Message =
  | { readonly kind: 'tell'; readonly name: string; readonly input: unknown }
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: WireError };

/** What both a worker and the port to its parent are. */
export interface LinkPort {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: Message) => void): unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class ThreadLink<Wanted, Offered> {
  readonly #port: LinkPort;
  readonly #answerers: Answerers<Offered>;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #closed: CollabError | undefined;

  constructor(port: LinkPort | MessagePort, answerers: Answerers<Offered>) {
    this.#port = port as LinkPort;
    this.#answerers = answerers;
    this.#port.on('message', (message) => this.#take(message));
  }

  /** @throws what the other side threw; what `close` was given when it ends before it has answered. */
  async ask<Name extends keyof Wanted & string>(
    name: Name,
    input: InputOf<Wanted[Name]>,
    transfer: readonly Transferable[] = [],
  ): Promise<OutputOf<Wanted[Name]>> {
    if (this.#closed !== undefined) throw this.#closed;
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#port.postMessage({ kind: 'ask', id, name, input } satisfies Message, transfer);
    return (await answer) as OutputOf<Wanted[Name]>;
  }

  /** As `ask`, where nobody waits for what comes of it: half the messages. */
  tell<Name extends keyof Wanted & string>(name: Name, input: InputOf<Wanted[Name]>): void {
    if (this.#closed === undefined) this.#port.postMessage({ kind: 'tell', name, input } satisfies Message);
  }

  /** The other side is gone: whoever waits for it is told. */
  close(why: CollabError): void {
    this.#closed = why;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }

  #take(message: Message): void {
    if (message.kind === 'ask') {
      void this.#answer(message.id, message.name, message.input);
      return;
    }
    if (message.kind === 'tell') {
      void this.#call(message.name, message.input).catch(() => {});
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value);
    else waiting?.reject(decodeError(message.error));
  }

  async #answer(id: number, name: string, input: unknown): Promise<void> {
    try {
      const value = await this.#call(name, input);
      this.#port.postMessage({ kind: 'answer', id, value } satisfies Message);
    } catch (error) {
      this.#port.postMessage({ kind: 'failure', id, error: encodeError(error) } satisfies Message);
    }
  }

  async #call(name: string, input: unknown): Promise<unknown> {
    const answerers = this.#answerers as Readonly<Record<string, (input: unknown) => unknown>>;
    return answerers[name]?.(input);
  }
}

export interface ThreadOptions {
  readonly workerData: unknown;
  readonly name: string;
  readonly maxHeapMb: number;
}

/** A thread with an event loop, from a built file or, through tsx, from a source. */
export function beginThread(url: string, { workerData, name, maxHeapMb }: ThreadOptions): Worker {
  const isSource = url.endsWith('.ts');
  return new Worker(isSource ? throughTsx(url) : new URL(url), {
    workerData,
    eval: isSource,
    name,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
}

/** A thread of Node 20 that begins in a `.ts` file knows nothing of tsx yet: it registers that first. */
function throughTsx(url: string): string {
  return `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => { register(); return import(${JSON.stringify(url)}); })`;
}
