import { Agreement } from '../../src/agreement/agreement.ts';
import type { AgreementOptions } from '../../src/agreement/agreement-options.ts';
import type { DurableState } from '../../src/agreement/durable-state.ts';
import type { Message } from '../../src/agreement/message.ts';
import type { Effects, Output } from '../../src/agreement/outcome.ts';
import type { AgentId, LockId, ProjectId, RepoPath } from '../../src/base/ids.ts';
import type { Claim } from '../../src/lock/claim.ts';
import type { Target } from '../../src/lock/target.ts';
import { type SeededRandom, seededRandom } from '../../test/support/seed.ts';
import { EventQueue } from './event-queue.ts';
import { Judge, type Violation } from './judge.ts';
import { Network } from './network.ts';
import { maxTtlMs, type Script } from './script.ts';
import { SimulatedNode } from './simulated-node.ts';

export type AgreementClass = typeof Agreement;

const claimTimeoutMs = 1500;
const answerGraceMs = 1200;

/** Times as they are in use, but for what would make every run long: a ttl of an hour, and the half minute that trouble lasts. */
const simulatedOptions: AgreementOptions = {
  heartbeatMs: 500,
  suspectMs: 1600,
  firstContactMs: 2400,
  resendMs: 300,
  claimTimeoutMs,
  answerGraceMs,
  pendingMs: 2500,
  viewTimeoutMs: 800,
  maxTtlMs,
};

const project = 'github.com/acme/app' as ProjectId;
const target = (path: string, lines?: readonly [number, number]): Target => ({
  project,
  path: path as RepoPath,
  scope: lines === undefined ? { kind: 'file' } : { kind: 'lines', start: lines[0], end: lines[1] },
});
/** What is claimed: some of it overlaps. The last is everything. */
export const targets: readonly Target[] = [
  target('src/a.ts'),
  target('src/a.ts', [1, 50]),
  target('src/a.ts', [40, -1]),
  target('src/b.ts'),
  target('src/c.ts'),
  target('src/**'),
  target('docs/d.md'),
  { project, path: '**' as RepoPath, scope: { kind: 'file' } },
];

export interface Observer {
  readonly trace?: (line: () => string) => void;
  /** Sees each message on its way, and may replace it by what a codec makes of it. */
  readonly pass?: (message: Message, from: SimulatedNode) => Message;
}

/** Nodes, network and true time. A step is one event: a message that arrives, a timer, a write that is done, or an action. */
export class Simulation {
  readonly nodes: SimulatedNode[] = [];
  readonly judge = new Judge(claimTimeoutMs, answerGraceMs);
  readonly network: Network;
  readonly random: SeededRandom;
  readonly script: Script;
  readonly #queue = new EventQueue<() => void>();
  readonly #Agreement: AgreementClass;
  readonly #observer: Observer;
  readonly #boots = new Map<SimulatedNode, number>();
  steps = 0;
  nowMs = 0;
  nextRequest = 1;
  #nextLock = 1;
  #isOver = false;

  constructor(script: Script, AgreementUnderTest: AgreementClass = Agreement, observer: Observer = {}) {
    this.script = script;
    this.#Agreement = AgreementUnderTest;
    this.#observer = observer;
    this.random = seededRandom(script.seed ^ 0x5bd1e995);
    this.network = new Network(this.random);
  }

  get violations(): readonly Violation[] {
    return this.judge.violations;
  }

  at(atMs: number, what: () => void): void {
    this.#queue.add(atMs, what);
  }

  /** Runs until `finish`, the first violation, or so many steps. */
  run(maxSteps: number): void {
    while (!this.#isOver && this.steps < maxSteps && this.judge.violations.length === 0) {
      const event = this.#queue.take();
      if (event === undefined) return;
      this.steps += 1;
      this.nowMs = Math.max(this.nowMs, event.atMs);
      event.what();
      this.judge.look(this.nowMs, this.isGood);
    }
  }

  finish(): void {
    this.#isOver = true;
  }

  /** A machine with a member of the first view on it, or one that waits to be taken in. */
  addNode(joining: boolean, disk?: DurableState): SimulatedNode {
    const index = this.nodes.length;
    const node = new SimulatedNode(index, this.script.rates[index] ?? 1, joining);
    node.disk = disk;
    this.nodes.push(node);
    return node;
  }

  start(node: SimulatedNode): void {
    if (node.agreement !== undefined || node.isGone) return;
    node.life += 1;
    this.trace(() => `${node.id} starts, life ${node.life}`);
    const { disk } = node;
    node.agreement = new this.#Agreement(
      {
        self: node.id,
        ...(disk === undefined ? {} : { durable: disk }),
        joining: node.joining,
        now: node.now(this.nowMs),
        random: () => this.random.next(),
        newLockId: () => this.#newLockId(),
      },
      simulatedOptions,
    );
    this.call(node, (agreement) => agreement.start(node.now(this.nowMs)));
    const { life } = node;
    for (const other of this.nodes)
      this.at(this.nowMs + 200 * this.random.next(), () => {
        if (node.life !== life || this.network.isCut(node.index, other.index, this.nowMs)) return;
        this.met(node, [other]);
        this.met(other, [node]);
      });
  }

  crash(node: SimulatedNode): void {
    if (node.agreement === undefined) return;
    this.trace(() => `${node.id} crashes`);
    node.agreement = undefined;
    node.tickMs = Number.POSITIVE_INFINITY;
    node.backlog.length = 0;
    this.judge.died(node);
  }

  /** @param asleep the machine, with its monotonic clock; else only the process. */
  stop(node: SimulatedNode, forMs: number, asleep: boolean): void {
    if (node.isStopped(this.nowMs)) return;
    this.trace(() => `${node.id} ${asleep ? 'sleeps' : 'is paused'} for ${forMs} ms`);
    node.stop(this.nowMs, forMs, asleep);
    this.at(this.nowMs + forMs, () => this.#wake(node));
  }

  /** Calls the process, if it runs now, and does what it wants done. */
  call(node: SimulatedNode, what: (agreement: Agreement) => Effects): void {
    if (node.agreement === undefined) return;
    this.#carryOut(node, what(node.agreement));
  }

  /** Until then no message gets through; a while later both sides are told that they are connected again. */
  cut(isCut: (from: number, to: number) => boolean, untilMs: number): void {
    this.network.cut(isCut, untilMs);
    for (const node of this.nodes) {
      const others = this.nodes.filter(({ index }) => isCut(node.index, index) || isCut(index, node.index));
      if (others.length > 0) this.at(untilMs + 200 * this.random.next(), () => this.met(node, others));
    }
  }

  /** Tells a process that connections to these were made. */
  met(node: SimulatedNode, others: readonly SimulatedNode[]): void {
    this.#whenAwake(node, (agreement) =>
      agreement.met(
        node.now(this.nowMs),
        others.map(({ id }) => id),
      ),
    );
  }

  claim(node: SimulatedNode, claim: Claim, waitMs: number): number | undefined {
    if (node.agreement === undefined || node.isStopped(this.nowMs)) return undefined;
    const request = this.nextRequest;
    this.nextRequest += 1;
    this.judge.asked(request, node, this.nowMs, waitMs);
    this.trace(
      () => `${node.id} ${claim.agent} claims ${claim.targets.map(({ path }) => path)} as ${request}`,
    );
    this.call(node, (agreement) => agreement.claim(node.now(this.nowMs), request, claim, waitMs));
    return request;
  }

  release(node: SimulatedNode, id: LockId, agent: AgentId, allowed: boolean): void {
    if (allowed) this.judge.allowedEnds.add(`released ${id}`);
    this.call(node, (agreement) => agreement.release(node.now(this.nowMs), id, agent));
  }

  /** The boot number that a node's messages carry. */
  bootOf(node: SimulatedNode): number {
    return this.#boots.get(node) ?? 0;
  }

  readonly isGood = (node: SimulatedNode, id: LockId): boolean => {
    if (node.agreement === undefined) return false;
    const { lock, effects } = node.agreement.check(node.now(this.nowMs), id);
    this.#carryOut(node, effects);
    return lock !== undefined;
  };

  trace(line: () => string): void {
    this.#observer.trace?.(() => `${this.nowMs.toFixed(1).padStart(9)} ${line()}`);
  }

  #newLockId(): LockId {
    this.#nextLock += 1;
    return `L${this.#nextLock}` as LockId;
  }

  #wake(node: SimulatedNode): void {
    node.wake(this.nowMs);
    this.trace(() => `${node.id} goes on`);
    // Timers and sockets of a process that goes on come in any order.
    if (this.random.chance(0.5)) this.call(node, (agreement) => agreement.tick(node.now(this.nowMs)));
    const waiting = node.backlog.splice(0);
    for (const one of waiting) one();
    if (node.agreement !== undefined) this.#planTick(node);
  }

  #carryOut(node: SimulatedNode, { writes, sends, outputs }: Effects): void {
    for (const { ticket, state } of writes) this.#write(node, ticket, state);
    for (const { to, message } of sends) this.#send(node, to, message);
    for (const output of outputs) this.#note(node, output);
    this.#planTick(node);
  }

  #planTick(node: SimulatedNode): void {
    if (node.agreement === undefined) return;
    const dueMs = node.trueTimeOf(node.agreement.nextDueMs(), this.nowMs);
    if (dueMs >= node.tickMs) return;
    node.tickMs = dueMs;
    const { life } = node;
    this.at(dueMs, () => {
      if (node.life !== life || node.tickMs !== dueMs) return;
      node.tickMs = Number.POSITIVE_INFINITY;
      this.#whenAwake(node, (agreement) => agreement.tick(node.now(this.nowMs)));
    });
  }

  /** Does it now, or when the process goes on. */
  #whenAwake(node: SimulatedNode, what: (agreement: Agreement) => Effects): void {
    const { life } = node;
    if (!node.isStopped(this.nowMs)) this.call(node, what);
    else
      node.backlog.push(() => {
        if (node.life === life) this.call(node, what);
      });
  }

  #write(node: SimulatedNode, ticket: number, state: DurableState): void {
    const { life } = node;
    const doneMs = Math.max(node.diskFreeMs, this.nowMs + 0.1 + this.random.next() + node.diskMs);
    node.diskFreeMs = doneMs;
    this.at(doneMs, () => {
      if (node.life !== life || node.agreement === undefined) return;
      node.disk = state;
      this.#whenAwake(node, (agreement) => agreement.written(node.now(this.nowMs), ticket));
    });
  }

  #send(from: SimulatedNode, to: string, sent: Message): void {
    const node = this.nodes.find(({ id }) => id === to);
    if (node === undefined || this.network.isCut(from.index, node.index, this.nowMs)) return;
    this.#boots.set(from, sent.boot);
    const message = this.#observer.pass?.(sent, from) ?? sent;
    for (const delayMs of this.network.delays(this.nowMs)) {
      this.at(this.nowMs + delayMs + from.slowMs + node.slowMs, () => {
        if (this.network.isCut(from.index, node.index, this.nowMs)) return;
        this.#whenAwake(node, (agreement) => {
          this.trace(() => `${node.id} < ${from.id} ${JSON.stringify(message.body).slice(0, 230)}`);
          return agreement.receive(node.now(this.nowMs), from.id, message);
        });
      });
    }
  }

  #note(node: SimulatedNode, output: Output): void {
    this.trace(() => `${node.id} says ${JSON.stringify(output).slice(0, 260)}`);
    switch (output.kind) {
      case 'granted':
        this.judge.granted(output.request, node, output.lock, output.renewed, this.nowMs);
        break;
      case 'denied':
        this.judge.denied(output.request, this.nowMs);
        break;
      case 'ended':
        this.judge.ended(output, this.nowMs);
        break;
      case 'view':
        if (!output.isMember) node.isGone = true;
        break;
    }
    this.onOutput?.(node, output);
  }

  onOutput: ((node: SimulatedNode, output: Output) => void) | undefined = undefined;
}
