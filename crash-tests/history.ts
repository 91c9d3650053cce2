/** What the killer knows, and what it sees afterwards: plain data, so that a failed round can be kept and read again. */
import type { AuditView, DeltaView, Notice, StatusView, VerifyView } from '../src/control/results.ts';

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
  readonly agent: string;
}

/** A transition that the daemon answered for, and so has to audit. */
export interface Action {
  readonly action: 'acquired' | 'denied' | 'released' | 'forced';
  /** Of no other claim: it names the event of a denial, which has no lock. */
  readonly intention: string;
  readonly lockId?: string;
  readonly fence?: number;
  /** Whose lock or claim it is. */
  readonly agent: string;
  readonly life: number;
  /** On the killer's own counter, after the answer had come. */
  readonly answeredAt: number;
}

/** An `audit` question that was answered: everything answered before it was asked is on disk by then. */
export interface Barrier {
  readonly life: number;
  /** On the same counter as `answeredAt`. */
  readonly askedAt: number;
}

/** `page`: something in one page of a file. `end`: the end of a file, and with it perhaps what counted the records. */
type Damage = 'none' | 'page' | 'end';

/** In the order in which the answers came. Grants of one path came in the order in which they were given. */
export interface History {
  readonly acknowledged: Acknowledged[];
  readonly granted: Granted[];
  readonly actions: Action[];
  readonly barriers: Barrier[];
  /** Answers that a daemon must not give to requests that are in order. */
  readonly unexpected: string[];
  /** The log as the observation before saw it. */
  readonly seen: DeltaView[];
  /** Every audit event that an answer ever held, by its cursor. */
  readonly seenEvents: Map<number, AuditView>;
  /** Locks of whose end a holder was told with any answer. */
  readonly told: Set<string>;
  /** Lives whose clock was so slow that retention may drop what they wrote, once it has been asked to. */
  readonly oldLives: Set<number>;
  /** Audit events that a daemon said it could not record. */
  eventsCountedAsLost: number;
  /** Set when a file was damaged from outside: then what a repair says it gave up may be missing. */
  damaged: Damage;
  /** The killer's own counter. */
  ticks: number;
}

/** `valid`, or the error code and why not. */
export type LeaseState = 'valid' | `${string}: ${string}`;

/** A daemon's answers to questions asked after a restart. */
export interface Observation {
  /** The run of the daemon that answered. */
  readonly life: number;
  /** Asked for first: everything below is at least as new. */
  readonly status: StatusView;
  /** The whole log, newest first, page by page. */
  readonly deltas: readonly DeltaView[];
  /** What the index says of each path, newest first. */
  readonly byPath: Readonly<Record<string, readonly Pick<DeltaView, 'id' | 'position'>[]>>;
  /** The whole trail, newest first. */
  readonly events: readonly AuditView[];
  /** What `lock.check` says of every lock that an earlier life granted. */
  readonly leases: Readonly<Record<string, LeaseState>>;
  /** What the agents were told while they were asked. */
  readonly notices: readonly Notice[];
  readonly verify: VerifyView;
}

/** What a directory may hold after a change to it was interrupted. */
export interface PossibleState {
  /** Such as `old`. */
  readonly name: string;
  readonly history: History;
}

export function newHistory(): History {
  return {
    acknowledged: [],
    granted: [],
    actions: [],
    barriers: [],
    unexpected: [],
    seen: [],
    seenEvents: new Map(),
    told: new Set(),
    oldLives: new Set(),
    eventsCountedAsLost: 0,
    damaged: 'none',
    ticks: 0,
  };
}

/** What was granted and told since the snapshot was granted and told all the same. */
export function putBack({ granted, told, ticks }: History, snapshot: History): History {
  return { ...structuredClone(snapshot), granted: [...granted], told: new Set(told), ticks };
}

/** One process of several that were started at once on one directory. */
export interface StartOutcome {
  readonly pid: number;
  /** Null while it runs. */
  readonly exitCode: number | null;
  readonly stderr: string;
}
