/** What clients saw of leases, on the one clock of the process that runs them; and what must be true of it. */
import { compiledOverlap, compileTarget, type Target } from '../../src/lock/target.ts';

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

/** SPEC §10: a claim is answered by 3 s after its wait; the rest is for a machine that is busy. */
const answerLimitMs = 3000 + 7000;

/** @returns what is wrong, in sentences that begin with the invariant of docs/AGREEMENT.md. */
export function judgeLeases({ leases, answers, writes }: LeaseHistory): readonly string[] {
  return [...overlaps(leases), ...lateAnswers(answers), ...mixedWrites(writes)];
}

/** I1: no two leases that exclude each other, both with a majority, at one instant. I2: the later one has the higher fence. */
function overlaps(leases: readonly SeenLease[]): readonly string[] {
  const agreed = leases
    .filter(({ assurance }) => assurance === 'cluster')
    .map((lease) => ({ lease, compiled: lease.targets.map(compileTarget) }))
    .sort((a, b) => a.lease.grantedMs - b.lease.grantedMs);
  const problems: string[] = [];
  agreed.forEach((first, at) => {
    for (const second of agreed.slice(at + 1)) {
      const [a, b] = [first.lease, second.lease];
      if (holderOf(a) === holderOf(b) || (a.mode === 'shared' && b.mode === 'shared')) continue;
      const meet = first.compiled.some((mine) =>
        second.compiled.some((theirs) => compiledOverlap(mine, theirs) !== undefined),
      );
      if (!meet) continue;
      // Each was held from its grant to its last "valid"; what is behind that is not known, and counts for nothing.
      if (b.grantedMs < a.validMs)
        problems.push(
          `I1: ${nameOf(a)} was held until ${Math.round(a.validMs)}, ${nameOf(b)} was granted at ${Math.round(b.grantedMs)}`,
        );
      if (a.grantedMs < b.askedMs && a.fence >= b.fence)
        problems.push(`I2: ${nameOf(a)} came before ${nameOf(b)}, whose fence is no higher`);
    }
  });
  return problems;
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

function holderOf({ node, agent }: SeenLease): string {
  return `${node} ${agent}`;
}

function nameOf({ id, agent, node, fence }: SeenLease): string {
  return `${id} of ${agent} on ${node} (fence ${fence})`;
}
