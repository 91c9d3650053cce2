/** What the killer knows, and what it sees afterwards: plain data, so that a failed round can be kept and read again. */
import type { DeltaView, StatusView, VerifyView } from '../src/control/results.ts';

/** A share that the daemon answered. */
export interface Acknowledged {
  readonly id: string;
  readonly path: string;
  readonly content: string;
  readonly durability: 'accepted' | 'committed' | 'flushed';
  /** Which run of the daemon answered: 0, 1, 2, … */
  readonly life: number;
}

export interface Granted {
  readonly lockId: string;
  readonly path: string;
  readonly fence: number;
  readonly life: number;
}

/** In the order in which the answers came. Grants of one path came in the order in which they were given. */
export interface History {
  readonly acknowledged: Acknowledged[];
  readonly granted: Granted[];
  /** Answers that a daemon must not give to requests that are in order. */
  readonly unexpected: string[];
  /** The log as the observation before saw it. */
  readonly seen: DeltaView[];
}

/** A daemon's answers to questions asked after a restart. */
export interface Observation {
  /** Asked for first: everything below is at least as new. */
  readonly status: StatusView;
  /** The whole log, newest first, page by page. */
  readonly deltas: readonly DeltaView[];
  /** What the index says of each path, newest first. */
  readonly byPath: Readonly<Record<string, readonly Pick<DeltaView, 'id' | 'position'>[]>>;
  readonly verify: VerifyView;
}

export function newHistory(): History {
  return { acknowledged: [], granted: [], unexpected: [], seen: [] };
}

/** One process of several that were started at once on one directory. */
export interface StartOutcome {
  readonly pid: number;
  /** Null while it runs. */
  readonly exitCode: number | null;
  readonly stderr: string;
}
