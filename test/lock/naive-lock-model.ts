/**
 * The rules of the lock table, written down as plainly as possible: arrays, and overlap by listing what a target
 * covers in a universe of a few files. Made to be compared with, not to be fast.
 */
import type { Claim } from '../../src/lock/claim.ts';
import type { Target } from '../../src/lock/target.ts';

/** Every path that a test target can cover; for each two globs that share a path, one that both match. */
const universe = ['a/x', 'a/y', 'a/b/x', 'a/b/y', 'a/b/c/x', 'c', 'd/x', 'd/y', 'y'];
/** The end of the file stands for all lines from here. */
const lastLine = 6;

export const targetTexts: readonly string[] = [
  ...['a/x', 'a/y', 'a/b/x', 'c'],
  ...['a/x:1-2', 'a/x:2-3', 'a/x:3-', 'a/x:1-', 'a/x:5-5', 'c:1-3', 'c:4-4'],
  ...['a/x#class:U', 'a/x#method:U.s', 'a/x#function:V', 'a/x#method:U#s'],
  ...['a/**', 'a/*', '**/x', '{a,d}/x', '**', 'a/b/{x,y}'],
];

const globs: Readonly<Record<string, RegExp>> = {
  'a/**': /^a\/.+$/,
  'a/*': /^a\/[^/]+$/,
  '**/x': /^(.+\/)?x$/,
  '{a,d}/x': /^[ad]\/x$/,
  '**': /^.+$/,
  'a/b/{x,y}': /^a\/b\/[xy]$/,
};

/** The parts of the universe that a target covers: a line or a symbol of a path. */
function covered(target: Target): ReadonlySet<string> {
  const glob = globs[target.path];
  const paths = universe.filter((path) => (glob === undefined ? path === target.path : glob.test(path)));
  return new Set(paths.flatMap((path) => partsOf(target).map((part) => `${path} ${part}`)));
}

function partsOf({ scope }: Target): readonly string[] {
  const lines = Array.from({ length: lastLine }, (_, at) => at + 1);
  const symbols = ['U itself', 'U.s', 'V'];
  if (scope.kind === 'file') return [...lines.map(String), ...symbols];
  if (scope.kind === 'symbol') {
    const name = scope.name.replace('#', '.');
    return symbols.filter((part) => part.startsWith(name));
  }
  const { start } = scope;
  const end = scope.end === -1 ? lastLine : scope.end;
  const all = start === 1 && scope.end === -1 ? symbols : [];
  return [...lines.filter((line) => line >= start && line <= end).map(String), ...all];
}

function overlap(a: Target, b: Target): boolean {
  const parts = covered(b);
  if ([...covered(a)].some((part) => parts.has(part))) return true;
  // A symbol may lie on any line.
  const kinds = [a.scope.kind, b.scope.kind].sort().join();
  return kinds === 'lines,symbol' && a.path === b.path;
}

const overlapCache = new Map<string, boolean>();

function cachedOverlap(a: Target, b: Target): boolean {
  const key = JSON.stringify([a.path, a.scope, b.path, b.scope]);
  const known = overlapCache.get(key) ?? overlap(a, b);
  overlapCache.set(key, known);
  return known;
}

export interface ModelLease {
  readonly id: string;
  readonly fence: number;
  claim: Claim;
  baseMs: number;
  ttlMs: number;
}

export interface ModelWaiter {
  readonly ticket: number;
  readonly claim: Claim;
  readonly key: number;
  readonly deadlineMs: number;
}

export interface ModelEdge {
  readonly from: string;
  readonly to: string;
}

export class NaiveLockModel {
  leases: ModelLease[] = [];
  waiters: ModelWaiter[] = [];
  /** `acquired L1`, `expired L1`, `denied alice held`, … in order. */
  readonly events: string[] = [];
  /** `alice granted L2`, `bob denied timeout`, … in order. */
  readonly settled: string[] = [];
  readonly endings = new Map<string, string>();
  readonly notices = new Map<string, string[]>();
  nowMs: number;
  readonly #ageingMs: number;
  readonly #touched = new Map<string, number>();
  #grants = 0;
  #tickets = 0;

  constructor(nowMs: number, ageingMs: number) {
    this.nowMs = nowMs;
    this.#ageingMs = ageingMs;
  }

  expiresMs(lease: ModelLease): number {
    return Math.max(lease.baseMs, this.#touched.get(lease.claim.agent) ?? 0) + lease.ttlMs;
  }

  advance(ms: number): void {
    const until = this.nowMs + ms;
    this.nowMs = until;
    for (;;) {
      const lease = [...this.leases].sort(
        (a, b) => this.expiresMs(a) - this.expiresMs(b) || a.fence - b.fence,
      )[0];
      const waiter = [...this.waiters].sort((a, b) => a.deadlineMs - b.deadlineMs || a.ticket - b.ticket)[0];
      const leaseMs = lease === undefined ? Number.POSITIVE_INFINITY : this.expiresMs(lease);
      const waitMs = waiter?.deadlineMs ?? Number.POSITIVE_INFINITY;
      if (Math.min(leaseMs, waitMs) > until) return;
      if (lease !== undefined && leaseMs <= waitMs) {
        this.#end(lease, 'expired');
        this.#retry();
      } else if (waiter !== undefined) {
        this.#dismiss(waiter, 'timeout');
      }
    }
  }

  /** @returns `granted L1`, `renewed L1`, `denied held`, `waiting 3`. */
  claim(claim: Claim, waitMs: number): string {
    this.#tickets += 1;
    const candidate: ModelWaiter = {
      ticket: this.#tickets,
      claim,
      key: this.nowMs - claim.priority * this.#ageingMs,
      deadlineMs: this.nowMs + waitMs,
    };
    const held = this.leases.some((lease) => conflict(lease.claim, claim));
    const same = this.#same(claim);
    if (!held && same !== undefined) return this.#renewSame(same, claim);
    const queued = this.waiters.some((waiter) => conflict(waiter.claim, claim) && ahead(waiter, candidate));
    if (!held && !queued) {
      if (hasCycle(this.edges([...this.waiters, candidate]))) return this.#denied(claim, 'deadlock');
      return `granted ${this.#grant(claim)}`;
    }
    if (waitMs === 0) return this.#denied(claim, held ? 'held' : 'queued');
    if (hasCycle(this.edges([...this.waiters, candidate]))) return this.#denied(claim, 'deadlock');
    this.waiters.push(candidate);
    this.events.push(`waited ${claim.agent}`);
    return `waiting ${candidate.ticket}`;
  }

  /** The last claim's place, were it to wait: what a refused cycle is checked against. */
  edgesWith(claim: Claim): readonly ModelEdge[] {
    const key = this.nowMs - claim.priority * this.#ageingMs;
    return this.edges([...this.waiters, { ticket: this.#tickets, claim, key, deadlineMs: 0 }]);
  }

  release(id: string, agent: string): string {
    const lease = this.leases.find((one) => one.id === id);
    if (lease === undefined) return `refused ${this.endings.get(id) ?? 'unknown'}`;
    if (lease.claim.agent !== agent) return 'refused not-holder';
    this.#end(lease, 'released');
    this.#retry();
    return 'released';
  }

  force(id: string): string {
    const lease = this.leases.find((one) => one.id === id);
    if (lease === undefined) return `refused ${this.endings.get(id) ?? 'unknown'}`;
    this.#end(lease, 'forced');
    this.#retry();
    return 'released';
  }

  renew(id: string, agent: string, ttlMs: number | undefined): string {
    const lease = this.leases.find((one) => one.id === id);
    if (lease === undefined) return `refused ${this.endings.get(id) ?? 'unknown'}`;
    if (lease.claim.agent !== agent) return 'refused not-holder';
    lease.baseMs = this.nowMs;
    lease.ttlMs = ttlMs ?? lease.ttlMs;
    this.events.push(`renewed ${id}`);
    return 'renewed';
  }

  touch(agent: string): void {
    this.#touched.set(agent, this.nowMs);
  }

  cancel(ticket: number): boolean {
    const waiter = this.waiters.find((one) => one.ticket === ticket);
    if (waiter !== undefined) this.#dismiss(waiter, 'cancelled');
    return waiter !== undefined;
  }

  releaseAll(agent: string): void {
    for (const waiter of this.waiters.filter((one) => one.claim.agent === agent))
      this.#dismiss(waiter, 'cancelled');
    for (const lease of this.leases.filter((one) => one.claim.agent === agent)) this.#end(lease, 'released');
    this.#retry();
  }

  queue(): readonly ModelWaiter[] {
    return [...this.waiters].sort((a, b) => (ahead(a, b) ? -1 : 1));
  }

  /** Who waits for whom. */
  edges(waiters: readonly ModelWaiter[]): readonly ModelEdge[] {
    return waiters.flatMap((waiter) => [
      ...this.leases
        .filter((lease) => conflict(lease.claim, waiter.claim))
        .map((lease) => ({ from: waiter.claim.agent, to: lease.claim.agent })),
      ...waiters
        .filter((other) => conflict(other.claim, waiter.claim) && ahead(other, waiter))
        .map((other) => ({ from: waiter.claim.agent, to: other.claim.agent })),
    ]);
  }

  #same(claim: Claim): ModelLease | undefined {
    const form = formOf(claim);
    return this.leases.find((lease) => formOf(lease.claim) === form);
  }

  #grant(claim: Claim): string {
    this.#grants += 1;
    const id = `L${this.#grants}`;
    this.leases.push({ id, fence: this.#grants, claim, baseMs: this.nowMs, ttlMs: claim.ttlMs });
    this.events.push(`acquired ${id}`);
    return id;
  }

  #renewSame(lease: ModelLease, claim: Claim): string {
    lease.claim = claim;
    this.renew(lease.id, claim.agent, claim.ttlMs);
    return `renewed ${lease.id}`;
  }

  #end(lease: ModelLease, cause: string): void {
    this.leases = this.leases.filter((one) => one !== lease);
    this.endings.set(lease.id, cause);
    this.events.push(`${cause} ${lease.id}`);
    if (cause === 'released') return;
    const { agent } = lease.claim;
    this.notices.set(agent, [...(this.notices.get(agent) ?? []), `${cause} ${lease.id}`]);
  }

  #dismiss(waiter: ModelWaiter, reason: string): void {
    this.waiters = this.waiters.filter((one) => one !== waiter);
    this.settled.push(`${waiter.claim.agent} ${this.#denied(waiter.claim, reason)}`);
    this.#retry();
  }

  /** Looks at every waiter, in order. */
  #retry(): void {
    for (const waiter of this.queue()) {
      const { claim } = waiter;
      if (this.leases.some((lease) => conflict(lease.claim, claim))) continue;
      if (this.waiters.some((other) => conflict(other.claim, claim) && ahead(other, waiter))) continue;
      this.waiters = this.waiters.filter((one) => one !== waiter);
      const same = this.#same(claim);
      if (same === undefined) this.settled.push(`${claim.agent} granted ${this.#grant(claim)}`);
      else this.settled.push(`${claim.agent} granted ${this.#renewSame(same, claim).split(' ')[1]}`);
    }
  }

  #denied(claim: Claim, reason: string): string {
    this.events.push(`denied ${claim.agent} ${reason}`);
    return `denied ${reason}`;
  }
}

export function conflict(a: Claim, b: Claim): boolean {
  if (a.agent === b.agent || (a.mode === 'shared' && b.mode === 'shared')) return false;
  return a.targets.some((x) => b.targets.some((y) => cachedOverlap(x, y)));
}

function ahead(a: ModelWaiter, b: ModelWaiter): boolean {
  return a.key < b.key || (a.key === b.key && a.ticket < b.ticket);
}

function formOf(claim: Claim): string {
  const targets = claim.targets.map((target) => JSON.stringify([target.path, target.scope])).sort();
  return [claim.agent, claim.mode, ...targets].join('|');
}

function hasCycle(edges: readonly ModelEdge[]): boolean {
  const nodes = new Set(edges.map((edge) => edge.from));
  return [...nodes].some((start) => {
    const reached = new Set<string>();
    const pending = [start];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      for (const edge of edges.filter((one) => one.from === node)) {
        if (edge.to === start) return true;
        if (!reached.has(edge.to)) pending.push(edge.to);
        reached.add(edge.to);
      }
    }
    return false;
  });
}
