/**
 * Whether a write may happen. The table below is the whole policy, in order: the first row that applies to a file decides it, and the
 * strictest file decides the call. docs/AGENTS.md shows the same table with the reasons.
 */
import { formatDuration } from '../base/duration.ts';

/** What stands between an agent and one file that it is about to write. */
export interface FileFacts {
  /** As people read it: `src/a.ts:10-20`. */
  readonly target: string;
  /** Why the lease that the write needs was not granted, if it was not. */
  readonly refused?: {
    /** `cluster`: the nodes of the cluster could not be asked. `disk`: this one has not written what has to be there first. */
    readonly reason: 'held' | 'rate' | 'limit' | 'cluster' | 'disk';
    readonly holder?: string;
    readonly intention?: string;
    readonly overlap?: string;
    readonly heldTarget?: string;
    readonly expiresInMs?: number;
    readonly retryAfterMs?: number;
    readonly lockId?: string;
  };
  /** A lease of this agent on the file that ended early, and that it was not told of yet. */
  readonly lost?: { readonly message: string; readonly automatic: boolean };
  /** The file against what the agent saw of it last. `unknown`: it was never seen reading it. */
  readonly content: 'same' | 'changed' | 'unknown';
  /** For `changed`: what and by whom. */
  readonly changes: readonly string[];
  /** Whether a lease that the agent had before covers the write. */
  readonly covered: boolean;
}

export type Row = 'held' | 'limited' | 'lost' | 'stale' | 'lost-automatic' | 'own' | 'free';

export interface Ruling {
  readonly row: Row;
  readonly decision: 'allow' | 'deny';
  /** What the agent is told; empty when there is nothing to say. */
  readonly text: string;
}

interface Rule {
  readonly row: Row;
  readonly decision: Ruling['decision'];
  readonly applies: (facts: FileFacts) => boolean;
  readonly text: (facts: FileFacts) => string;
}

const rules: readonly Rule[] = [
  { row: 'held', decision: 'deny', applies: ({ refused }) => refused?.reason === 'held', text: heldText },
  { row: 'limited', decision: 'deny', applies: ({ refused }) => refused !== undefined, text: limitedText },
  {
    row: 'lost',
    decision: 'deny',
    applies: ({ lost }) => lost !== undefined && !lost.automatic,
    text: ({ target, lost }) =>
      `${lost?.message ?? ''} ${target} is leased to you again now: read it again, then repeat the write.`,
  },
  { row: 'stale', decision: 'deny', applies: ({ content }) => content === 'changed', text: staleText },
  {
    row: 'lost-automatic',
    decision: 'allow',
    applies: ({ lost }) => lost !== undefined,
    text: ({ target, lost, content }) =>
      `${lost?.message.replace(/ Acquire it again.*/, '') ?? ''} ${target} is leased to you again${content === 'same' ? ', and its text is what you saw last' : ''}.`,
  },
  { row: 'own', decision: 'allow', applies: ({ covered }) => covered, text: () => '' },
  { row: 'free', decision: 'allow', applies: () => true, text: () => '' },
];

function rule(facts: FileFacts): Ruling {
  for (const { row, decision, applies, text } of rules) {
    if (applies(facts)) return { row, decision, text: text(facts).trim() };
  }
  throw new Error('the last rule applies to everything');
}

/** The ruling on a call that writes several files: one denial denies all of it. */
export function ruleAll(files: readonly FileFacts[]): {
  readonly decision: Ruling['decision'];
  readonly text: string;
} {
  const rulings = files.map(rule);
  const denials = rulings.filter((ruling) => ruling.decision === 'deny');
  const said = (denials.length > 0 ? denials : rulings)
    .map((ruling) => ruling.text)
    .filter((text) => text !== '');
  return { decision: denials.length > 0 ? 'deny' : 'allow', text: [...new Set(said)].join('\n') };
}

function heldText({ target, refused }: FileFacts): string {
  const { holder = 'another agent', intention, overlap, heldTarget, expiresInMs, lockId } = refused ?? {};
  const what = `${holder} holds ${heldTarget ?? target}${overlap === undefined ? '' : ` (${overlap} overlap)`}`;
  const why = intention === undefined ? '' : ` for "${intention}"`;
  const until = expiresInMs === undefined ? '' : `, for another ${formatDuration(Math.max(0, expiresInMs))}`;
  const lock = lockId === undefined ? '' : ` (lock ${lockId})`;
  return `${target} is not yours to write: ${what}${why}${until}${lock}. Work on something else, wait for it (acquire_lock with wait_ms), or ask ${holder} to release it.`;
}

function limitedText({ target, refused }: FileFacts): string {
  const wait = refused?.retryAfterMs === undefined ? 'shortly' : `in ${formatDuration(refused.retryAfterMs)}`;
  return `${target} could not be leased: ${limits[refused?.reason ?? 'limit']}. Try again ${wait}.`;
}

const limits: Readonly<Record<NonNullable<FileFacts['refused']>['reason'], string>> = {
  held: 'another agent is ahead',
  rate: 'you claim locks faster than the rate limit',
  limit: 'the lock table is full',
  cluster: 'no majority of the cluster can be reached',
  disk: 'this node waits for its disk',
};

function staleText({ target, changes }: FileFacts): string {
  const what = changes.length === 0 ? 'by something that agent-collab did not see' : changes.join('; ');
  return `${target} changed since you read it: ${what}. Read it again, then make the edit on what stands there now.`;
}
