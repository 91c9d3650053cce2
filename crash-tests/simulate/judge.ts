import type { AgreedLock, Output } from '../../src/agreement/outcome.ts';
import type { LockId } from '../../src/base/ids.ts';
import { type Target, targetsOverlap } from '../../src/lock/target.ts';
import { exclude, type Finding, fenceBehind, heldTogether, type SeenLease } from '../lease-history.ts';
import type { SimulatedNode } from './simulated-node.ts';

export interface Violation {
  /** `I1` … `I7`, or `live`: what has to happen once trouble is over. */
  readonly invariant: string;
  readonly what: string;
}

interface Granted {
  readonly lock: AgreedLock;
  readonly node: SimulatedNode;
  readonly seen: SeenLease;
  /** When its holder last asked for its time afresh, and for how long. */
  extendedMs: number;
  ttlMs: number;
  isOver: boolean;
}

interface Asked {
  readonly node: SimulatedNode;
  readonly life: number;
  readonly atMs: number;
  readonly busyMs: number;
  readonly limitMs: number;
}

type Ended = Extract<Output, { readonly kind: 'ended' }>;

/** Checks the history of a run against I1 to I7 with true time, which no node knows. */
export class Judge {
  readonly violations: Violation[] = [];
  readonly #claimTimeoutMs: number;
  readonly #answerGraceMs: number;
  readonly #asked = new Map<number, Asked>();
  readonly #history: Granted[] = [];
  readonly #active = new Map<LockId, Granted>();
  /** Leases of different holders that exclude each other and are both around, the earlier first: few, so each is looked at after each step. */
  #rivals: (readonly [Granted, Granted])[] = [];
  readonly #overlaps = new Map<Target, Map<Target, boolean>>();
  /** Releases and forces that were asked for. */
  readonly allowedEnds = new Set<string>();

  constructor(claimTimeoutMs: number, answerGraceMs: number) {
    this.#claimTimeoutMs = claimTimeoutMs;
    this.#answerGraceMs = answerGraceMs;
  }

  active(): Iterable<Granted> {
    return this.#active.values();
  }

  asked(request: number, node: SimulatedNode, trueMs: number, waitMs: number): void {
    const limitMs = (Math.max(waitMs, this.#claimTimeoutMs) + this.#answerGraceMs) / 0.99 + 2;
    this.#asked.set(request, { node, life: node.life, atMs: trueMs, busyMs: node.busyMs(trueMs), limitMs });
  }

  granted(request: number, node: SimulatedNode, lock: AgreedLock, renewed: boolean, trueMs: number): void {
    const asked = this.#answered(request, trueMs);
    const known = this.#active.get(lock.id);
    if (renewed) {
      if (known === undefined) this.#say('I6', `${lock.id} is renewed and was never granted`);
      else this.extended(lock.id, trueMs, lock.ttlMs);
      return;
    }
    const granted: Granted = {
      lock,
      node,
      seen: {
        node: node.id,
        agent: lock.agent,
        id: lock.id,
        fence: lock.fence,
        assurance: lock.assurance,
        mode: lock.mode,
        targets: lock.targets,
        askedMs: asked?.atMs ?? trueMs,
        grantedMs: trueMs,
        begunMs: trueMs,
        validMs: trueMs,
      },
      extendedMs: trueMs,
      ttlMs: lock.ttlMs,
      isOver: false,
    };
    for (const earlier of this.#history) this.#find(fenceBehind(earlier.seen, granted.seen, this.#meet));
    for (const other of this.#active.values())
      if (exclude(other.seen, granted.seen, this.#meet)) this.#rivals.push([other, granted]);
    this.#history.push(granted);
    this.#active.set(lock.id, granted);
  }

  denied(request: number, trueMs: number): void {
    this.#answered(request, trueMs);
  }

  extended(id: LockId, trueMs: number, ttlMs?: number): void {
    const granted = this.#active.get(id);
    if (granted === undefined) return;
    granted.extendedMs = trueMs;
    granted.ttlMs = ttlMs ?? granted.ttlMs;
  }

  ended({ lock, cause, why }: Ended, trueMs: number): void {
    const granted = this.#active.get(lock.id);
    if (granted === undefined) {
      this.#say('I6', `${lock.id} ends as ${cause} and was not held`);
      return;
    }
    if ((cause === 'released' || cause === 'forced') && !this.allowedEnds.delete(`${cause} ${lock.id}`))
      this.#say('I6', `${lock.id} ends as ${cause}, and nobody who may asked for that`);
    if (cause === 'lost' && why === 'gave-way' && granted.lock.assurance === 'cluster')
      this.#say('I4', `${lock.id}, which a majority promised, gave way`);
    const earliestMs = granted.extendedMs + granted.ttlMs / 1.02;
    if (
      cause === 'expired' &&
      trueMs < earliestMs &&
      granted.lock.assurance === 'cluster' &&
      !this.#wasJumpy(granted)
    )
      this.#say('I5', `${lock.id} expires ${Math.round(earliestMs - trueMs)} ms before its time`);
    this.#over(granted);
  }

  /** The process of a node is gone, and its leases with it. */
  died(node: SimulatedNode): void {
    for (const granted of [...this.#active.values()]) if (granted.node === node) this.#over(granted);
    for (const [request, asked] of this.#asked) if (asked.node === node) this.#asked.delete(request);
  }

  /**
   * After each step: once a lease is granted, none that it excludes and that was granted before is good, then or ever after. At the
   * grant that is I1; later it would be one that was let go of and came back.
   */
  look(trueMs: number, isGood: (node: SimulatedNode, id: LockId) => boolean): void {
    if (this.#rivals.length === 0) return;
    for (const [earlier, later] of this.#rivals) {
      if (earlier.isOver || earlier.node.isStopped(trueMs)) continue;
      if (!isGood(earlier.node, earlier.lock.id)) continue;
      earlier.seen.validMs = trueMs;
      this.#find(heldTogether(earlier.seen, later.seen, this.#meet));
    }
    this.#rivals = this.#rivals.filter(([earlier]) => !earlier.isOver);
  }

  /** Some time after the last trouble: of leases that exclude each other one is left, on every node. */
  settled(trueMs: number, isGood: (node: SimulatedNode, id: LockId) => boolean): void {
    for (const [a, b] of this.#rivals)
      if (!a.isOver && !b.isOver && isGood(a.node, a.lock.id) && isGood(b.node, b.lock.id))
        this.#say('I4', `${describe(a)} and ${describe(b)} are both left at ${Math.round(trueMs)}`);
  }

  /** At the end: every claim was answered, and no lease ended in silence. */
  finish(trueMs: number, held: ReadonlySet<LockId>): void {
    for (const [request, { node, busyMs, limitMs }] of this.#asked) {
      const ms = node.busyMs(trueMs) - busyMs;
      if (ms > limitMs)
        this.#say('I7', `claim ${request} of ${node.id} has no answer after ${Math.round(ms)} ms`);
    }
    for (const granted of this.#active.values())
      if (!held.has(granted.lock.id)) this.#say('I5', `${describe(granted)} is gone and nobody was told`);
  }

  say(invariant: string, what: string): void {
    this.#say(invariant, what);
  }

  #answered(request: number, trueMs: number): Asked | undefined {
    const asked = this.#asked.get(request);
    if (asked === undefined) {
      this.#say('I7', `claim ${request} is answered twice, or was never made`);
      return undefined;
    }
    this.#asked.delete(request);
    const ms = asked.node.busyMs(trueMs) - asked.busyMs;
    if (ms > asked.limitMs + 5)
      this.#say(
        'I7',
        `claim ${request} is answered after ${Math.round(ms)} ms, at most ${Math.round(asked.limitMs)}`,
      );
    return asked;
  }

  #over(granted: Granted): void {
    granted.isOver = true;
    this.#active.delete(granted.lock.id);
  }

  /** A wall clock that was set makes a node's leases end early, which is its right. */
  #wasJumpy({ node }: Granted): boolean {
    return node.wasJumpy;
  }

  readonly #meet = (a: SeenLease, b: SeenLease): boolean =>
    a.targets.some((one) => b.targets.some((other) => this.#overlap(one, other)));

  #overlap(a: Target, b: Target): boolean {
    let row = this.#overlaps.get(a);
    if (row === undefined) {
      row = new Map();
      this.#overlaps.set(a, row);
    }
    const known = row.get(b);
    if (known !== undefined) return known;
    const overlap = targetsOverlap(a, b) !== undefined;
    row.set(b, overlap);
    return overlap;
  }

  #find(finding: Finding | undefined): void {
    if (finding !== undefined) this.#say(finding.invariant, finding.what);
  }

  #say(invariant: string, what: string): void {
    this.violations.push({ invariant, what });
  }
}

function describe({ lock, node, seen }: Granted): string {
  return `${lock.id} (${lock.assurance}, fence ${lock.fence}, ${lock.agent} on ${node.id}, granted at ${Math.round(seen.grantedMs)})`;
}
