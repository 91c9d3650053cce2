/** Bugs of the protocol, each planted by replacing text in a copy of the sources: the checker must find every one of them. */
import type { Action, FaultKind, Script, TimedAction } from './script.ts';

export interface ProtocolBug {
  /** What is broken, as a sentence. */
  readonly name: string;
  readonly edits: readonly {
    /** In `src/agreement/`. */
    readonly file: string;
    /** Stands exactly once in the file. */
    readonly replace: string;
    readonly by: string;
  }[];
  /** Invariants of which one is seen to be broken. */
  readonly breaks: readonly string[];
  /** The trouble under which it shows the soonest; undefined for all kinds. */
  readonly under: readonly FaultKind[] | undefined;
  readonly nodes?: number;
  /** The seed from which on it is found the soonest. @default 1 */
  readonly firstSeed?: number;
  /** Instead of drawn ones: the run that shows what hardly any of them meets. */
  readonly script?: Script;
}

const bug = (
  name: string,
  under: readonly FaultKind[],
  breaks: string,
  file: string,
  replace: string,
  by: string,
): ProtocolBug => ({ name, edits: [{ file, replace, by }], breaks: breaks.split(' '), under });

const from = (firstSeed: number, found: ProtocolBug): ProtocolBug => ({ ...found, firstSeed });

export const protocolBugs: readonly ProtocolBug[] = [
  from(
    330,
    bug(
      'a member that restarted promises at once, whatever it had promised before',
      ['crash', 'weather', 'evict'],
      'I1',
      'member.ts',
      'this.forgetful = init.durable !== undefined && found.view.epoch > 0 && !isAlone(found.view, this.self);',
      'this.forgetful = false;',
    ),
  ),
  {
    name: 'the quorum is taken from the members within reach, not from the view',
    edits: [
      {
        file: 'claimant.ts',
        replace: 'const quorum = majorityOf(view);',
        by: 'const quorum = Math.floor(view.members.filter((node) => this.#watch.isUsable(node, nowMs)).length / 2) + 1;',
      },
      { file: 'claimant.ts', replace: 'if (noted.length < majorityOf(view))', by: 'if (noted.length < 1)' },
    ],
    breaks: ['I1', 'I2'],
    under: ['partition'],
  },
  bug(
    'half of the view counts as its majority',
    [],
    'I1 I2 I3',
    'view.ts',
    'return Math.floor(view.members.length / 2) + 1;',
    'return Math.max(1, Math.floor(view.members.length / 2));',
  ),
  bug(
    'the fence is taken from a counter of the node',
    [],
    'I2',
    'claimant.ts',
    'const fence = clusterFence(highest, view, member.self);',
    'const fence = clusterFence((this.#localAt += 1), view, member.self);',
  ),
  from(
    106,
    bug(
      'the fence is taken from the first promise, not from the highest of a majority',
      ['weather', 'partition'],
      'I2',
      'claimant.ts',
      'const highest = Math.max(this.#newestRound + 1, this.#localRound + 1, ...rounds);\n    const noted = promisers.filter((_, at) => rounds[at] === highest);',
      'const highest = rounds[0] ?? 0;\n    const noted = promisers;',
    ),
  ),
  from(
    41,
    bug(
      'the drift margin is left out',
      ['weather', 'slow'],
      'I1',
      'agreement-options.ts',
      'return ms * ((1 + clockDrift) / (1 - clockDrift));',
      'return ms;',
    ),
  ),
  from(
    803,
    bug(
      'an extension counts up to what the holder wants by the time of its answer',
      ['weather', 'slow', 'one-way'],
      'I1',
      'holder.ts',
      'else this.#confirmed(lease, from, untilMs);',
      'else this.#confirmed(lease, from, lease.wantMs);',
    ),
  ),
  {
    name: 'a lease lives as long as its holder wants, whether or not a majority extended it',
    edits: [
      {
        file: 'held-lease.ts',
        replace: "return this.assurance === 'local' ? this.wantMs : Math.min(this.wantMs, this.backedMs);",
        by: 'return this.wantMs;',
      },
      { file: 'holder.ts', replace: 'leaseMs >= lease.backedMs)', by: 'leaseMs >= lease.wantMs)' },
    ],
    breaks: ['I1'],
    under: ['partition', 'one-way'],
    firstSeed: 36,
  },
  {
    name: 'a member that voted for the next view goes on promising in this one, and forgets that with the view',
    edits: [
      {
        file: 'member.ts',
        replace: 'return this.isMember && !this.forgetful && !this.isFrozen;',
        by: 'return this.isMember && !this.forgetful;',
      },
      {
        file: 'promiser.ts',
        replace: 'this.clearQueue();\n    for (const carried',
        by: 'for (const entry of [...this.table.all()]) this.table.remove(entry);\n    for (const carried',
      },
    ],
    breaks: ['I1', 'I2'],
    under: ['join', 'leave', 'slow', 'weather'],
    firstSeed: 779,
  },
  from(
    40,
    bug(
      'a view begins without the promises of the one before',
      ['join', 'leave', 'crash'],
      'I1',
      'agreement-core.ts',
      'this.promiser.adopt(entries ?? []);\n    member.forgetful',
      'this.promiser.clearQueue();\n    member.forgetful',
    ),
  ),
  bug(
    'what another member promised in the view before counts as a promise of this one',
    ['join', 'crash', 'weather'],
    'I1',
    'promiser.ts',
    '|| entry.isCarried;',
    '|| false;',
  ),
  from(
    59,
    bug(
      'the next view is decided although promises of this one may be missing',
      ['crash', 'partition', 'weather'],
      'I1',
      'view.ts',
      'return view.members.length - majorityOf(view) + 1;',
      'return 0;',
    ),
  ),
  {
    name: 'a member that was behind begins in a view without what was promised before',
    edits: [
      { file: 'agreement-core.ts', replace: 'if (isIn && entries === undefined) return;', by: '' },
      {
        file: 'agreement-core.ts',
        replace: '...(knowsAll ? { entries',
        by: '...(knowsAll && false ? { entries',
      },
    ],
    breaks: ['I1'],
    under: ['join', 'leave', 'partition', 'crash'],
    firstSeed: 495,
  },
  {
    name: 'rounds are not reserved on disk',
    edits: [
      {
        file: 'member.ts',
        replace: 'this.save({ reservedRound: this.round + roundBlock, longestMs });',
        by: 'this.save({ reservedRound: this.round + 1, longestMs });',
      },
      {
        file: 'member.ts',
        replace:
          'if (round + lowRounds > this.durable.reservedRound) this.save({ reservedRound: round + roundBlock });',
        by: '',
      },
    ],
    breaks: ['I2'],
    under: ['crash'],
    nodes: 1,
  },
  from(
    560,
    bug(
      'a promise given back still counts when it comes late',
      ['weather', 'one-way', 'slow'],
      'I1',
      'claimant.ts',
      'if (sentMs === undefined || body.yields !== pending.yieldsOf(from)) return;',
      'if (sentMs === undefined) return;',
    ),
  ),
  bug(
    'on one side the later claim of a race keeps its promise',
    [],
    'I3',
    'promiser.ts',
    "rival.state === 'promised' && isAhead(entry, rival) ?",
    "rival.state === 'promised' && !this.#member.self.endsWith('0') && isAhead(entry, rival) ?",
  ),
  bug(
    'whoever says so ends a lease',
    [],
    'I1',
    'promiser.ts',
    'entry.node === from && entry.boot <= boot',
    'entry.boot >= 0',
  ),
  {
    name: 'a sleep of the machine goes unnoticed',
    edits: [
      {
        file: 'lease-clock.ts',
        replace: 'if (Math.abs(apart) > this.#jumpMs + 0.02 * monotonic)',
        by: 'if (apart === Number.POSITIVE_INFINITY)',
      },
      { file: 'lease-clock.ts', replace: 'Math.max(0, apart - wallStepMs)', by: '0' },
    ],
    breaks: ['I1'],
    under: ['suspend'],
  },
  from(
    140,
    bug(
      'a lease in doubt is confirmed by members that had let it go',
      ['suspend', 'set-wall', 'pause'],
      'I1 I2',
      'promiser.ts',
      'if (recheck || (known === undefined',
      'if ((known === undefined',
    ),
  ),
  bug(
    'a local lease does not give way to one that a majority promised',
    ['partition'],
    'I1 I4',
    'promiser.ts',
    "if (rival.assurance === 'cluster') return false;",
    "if (rival.assurance === 'cluster') return true;",
  ),
  bug(
    'a claim waits for its answer for ever',
    ['partition', 'weather'],
    'I7 live',
    'claimant.ts',
    'if (isOver || leaseMs >= pending.answerMs) this.#conclude(pending);',
    'if (isOver) this.#conclude(pending);',
  ),
  bug(
    'a lease that is over is not told to its holder',
    [],
    'I5',
    'holder.ts',
    "if (leaseMs >= lease.wantMs) this.end(lease, { cause: 'expired' });",
    'if (leaseMs >= lease.wantMs) this.#leases.delete(lease.wire.id);',
  ),
  from(
    31,
    bug(
      'a lease in doubt outlives a change of the view, which hands on what single members promised',
      ['suspend', 'join', 'slow'],
      'I1 I2',
      'holder.ts',
      "if (lease.doubtedMs !== undefined && lease.assurance === 'cluster')\n        this.end",
      'if (lease.doubtedMs === 0)\n        this.end',
    ),
  ),
  bug(
    'the steps of the wall clock count at every look, so many looks make a lease short',
    ['partition'],
    'I5',
    'lease-clock.ts',
    'const sleptMs = Math.max(0, apart - wallStepMs);',
    'const sleptMs = Math.max(0, apart);',
  ),
  {
    name: 'a grant of a majority may have a lower fence than a local one of its node that came after the promises',
    edits: [
      {
        file: 'claimant.ts',
        replace: 'Math.max(this.#newestRound + 1, this.#localRound + 1, ...rounds)',
        by: 'Math.max(this.#newestRound + 1, ...rounds)',
      },
    ],
    breaks: ['I2'],
    under: undefined,
    script: lateMajority(),
  },
];

/**
 * A node is cut off with a lease of its own. When it is back a claim of everything around that lease reaches the others and they promise
 * it, but their answers are lost until the node has promised more of its own and granted one that overlaps the claim. Fewer than one
 * drawn run in forty thousand does the like.
 */
function lateMajority(): Script {
  type Claim = Extract<Action, { readonly kind: 'claim' }>;
  const plain = { kind: 'claim', node: 0, shared: false, ttlMs: 8000, waitMs: 0, priority: 0 } as const;
  const claim = (atMs: number, agent: number, target: number, more: Partial<Claim> = {}): TimedAction => ({
    atMs,
    action: { ...plain, agent, targets: [target], ...more },
  });
  const [file, other, folder, doc] = [0, 3, 5, 6];
  return {
    seed: 1,
    nodes: 3,
    rates: [1, 1, 1],
    calmMs: 7000,
    actions: [
      { atMs: 100, action: { kind: 'partition', mask: 1, forMs: 2200 } },
      claim(1800, 1, file),
      ...[1, 2].map(
        (from): TimedAction => ({ atMs: 1900, action: { kind: 'one-way', from, to: 0, forMs: 4100 } }),
      ),
      claim(2301, 0, folder, { waitMs: 8000 }),
      ...[3, 4, 5, 6].map((agent) => claim(3000, agent, doc, { shared: true, waitMs: 8000 })),
      claim(5000, 2, other, { priority: 5 }),
    ],
  };
}
