/**
 * What was seen of leases, on one clock, and what must be true of it: the nemesis has it from clients of real daemons, the
 * simulator from its nodes, in true time.
 */
import { compiledOverlap, compileTarget, type Target } from '../src/lock/target.ts';

/** Milliseconds on one monotonic clock. */
export interface SeenLease {
  readonly node: string;
  readonly agent: string;
  readonly id: string;
  readonly fence: number;
  readonly assurance: 'cluster' | 'local';
  readonly mode: 'exclusive' | 'shared';
  readonly targets: readonly Target[];
  /** The claim was sent, and its grant had come. */
  readonly askedMs: number;
  readonly grantedMs: number;
  /** It was granted no earlier: to a client that is `askedMs`, and `grantedMs` to who sees the instant itself. */
  readonly begunMs: number;
  /** When the newest question was sent that was answered with "valid": it was held then, or later. */
  validMs: number;
}

export interface SeenAnswer {
  readonly node: string;
  readonly waitMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
  /** The daemon was killed or paused meanwhile, or its answer says that it cannot be had. */
  readonly isExcused: boolean;
}

/** A write that the guard of a resource let through. */
export interface GuardedWrite {
  readonly resource: string;
  readonly lease: string;
  readonly fence: number;
}

export interface LeaseHistory {
  readonly leases: SeenLease[];
  readonly answers: SeenAnswer[];
  readonly writes: GuardedWrite[];
}

export function newLeaseHistory(): LeaseHistory {
  return { leases: [], answers: [], writes: [] };
}

/** A claim is answered by 7 s after its wait (`claimTimeoutMs` and `answerGraceMs`); the rest is for a machine that is busy. */
const answerLimitMs = 7000 + 5000;

/** Whether two leases have a target in common. */
export type Meet = (a: SeenLease, b: SeenLease) => boolean;

export interface Finding {
  /** Of docs/AGREEMENT.md. */
  readonly invariant: 'I1' | 'I2';
  readonly what: string;
}

/** @returns what is wrong, in sentences that begin with the invariant of docs/AGREEMENT.md. */
export function judgeLeases({ leases, answers, writes }: LeaseHistory): readonly string[] {
  return [...judgePairs(leases), ...lateAnswers(answers), ...mixedWrites(writes)];
}

/** Whether two leases may not be held at one time. */
export function exclude(a: SeenLease, b: SeenLease, meet: Meet): boolean {
  if (a.node === b.node && a.agent === b.agent) return false;
  return !(a.mode === 'shared' && b.mode === 'shared') && meet(a, b);
}

/** I1: no two leases that exclude each other, both with a majority, at one instant. `b` was granted after `a`. */
export function heldTogether(a: SeenLease, b: SeenLease, meet: Meet): Finding | undefined {
  if (a.assurance === 'local' || b.assurance === 'local') return undefined;
  // Each was held from its grant to its last "valid"; what is behind that is not known, and counts for nothing.
  if (b.grantedMs >= a.validMs || !exclude(a, b, meet)) return undefined;
  return {
    invariant: 'I1',
    what: `${nameOf(a)} was held until ${Math.round(a.validMs)}, ${nameOf(b)} was granted at ${Math.round(b.grantedMs)}`,
  };
}

/** I2: of two leases on the same the later one has the higher fence. `b` was granted after `a`. */
export function fenceBehind(a: SeenLease, b: SeenLease, meet: Meet): Finding | undefined {
  // One lease that its holder claimed again is given back as it is.
  if (b.fence > a.fence || a.id === b.id) return undefined;
  if (a.node !== b.node && (a.assurance === 'local' || b.assurance === 'local')) return undefined;
  if (!meet(a, b)) return undefined;
  // Of two that may be held together and were claimed together, the fences themselves say which came first.
  const isLater = exclude(a, b, meet) ? a.grantedMs <= b.begunMs : a.grantedMs < b.askedMs;
  if (!isLater && b.fence < a.fence) return undefined;
  return { invariant: 'I2', what: `${nameOf(a)} came before ${nameOf(b)}, whose fence is no higher` };
}

function judgePairs(leases: readonly SeenLease[]): readonly string[] {
  const compiled = new Map(leases.map((lease) => [lease, lease.targets.map(compileTarget)]));
  const meet: Meet = (a, b) =>
    (compiled.get(a) ?? []).some((mine) =>
      (compiled.get(b) ?? []).some((theirs) => compiledOverlap(mine, theirs) !== undefined),
    );
  const inOrder = [...leases].sort((a, b) => a.grantedMs - b.grantedMs);
  return inOrder
    .flatMap((a, at) =>
      inOrder.slice(at + 1).flatMap((b) => [heldTogether(a, b, meet), fenceBehind(a, b, meet)]),
    )
    .flatMap((finding) => (finding === undefined ? [] : [`${finding.invariant}: ${finding.what}`]));
}

/** I7. */
function lateAnswers(answers: readonly SeenAnswer[]): readonly string[] {
  return answers.flatMap(({ node, waitMs, askedMs, answeredMs, isExcused }) => {
    const late = answeredMs - askedMs - waitMs;
    return isExcused || late <= answerLimitMs
      ? []
      : [`I7: ${node} answered a claim with a wait of ${waitMs} ms ${Math.round(late)} ms after that`];
  });
}

/** A resource that lets no fence through that is below one before sees each writer's writes in one piece. */
function mixedWrites(writes: readonly GuardedWrite[]): readonly string[] {
  const problems: string[] = [];
  const ended = new Set<string>();
  const newest = new Map<string, GuardedWrite>();
  for (const write of writes) {
    const before = newest.get(write.resource);
    newest.set(write.resource, write);
    if (before === undefined || before.lease === write.lease) continue;
    ended.add(before.lease + before.resource);
    if (ended.has(write.lease + write.resource))
      problems.push(`fences: ${write.lease} wrote ${write.resource} again after another writer had`);
    if (write.fence === before.fence)
      problems.push(`fences: ${before.lease} and ${write.lease} wrote ${write.resource} under one fence`);
  }
  return problems;
}

function nameOf({ id, agent, node, fence }: SeenLease): string {
  return `${id} of ${agent} on ${node} (fence ${fence})`;
}
