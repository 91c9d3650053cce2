/** Several `AgreedLocks` on virtual time and a network of the test's own; disks are at once. */
import assert from 'node:assert/strict';
import { AgreedLocks } from '../../src/agreement/agreed-locks.ts';
import type { AgreementOptions } from '../../src/agreement/agreement-options.ts';
import type { DurableState } from '../../src/agreement/durable-state.ts';
import { decodeMessage, encodeMessage } from '../../src/agreement/message-codec.ts';
import { sortedMembers } from '../../src/agreement/view.ts';
import type { AgentId, LockId, NodeId } from '../../src/base/ids.ts';
import { parseClaim } from '../../src/lock/claim.ts';
import { resolveLockOptions } from '../../src/lock/lock-options.ts';
import type { Denial, Grant, LockTransition } from '../../src/lock/outcome.ts';
import { seededRandom } from '../support/seed.ts';

const delayMs = 1;
const limits = { defaultTtlMs: 60_000, maxTtlMs: 3_600_000 };

export interface NetworkNode {
  readonly name: string;
  readonly locks: AgreedLocks;
  readonly transitions: LockTransition[];
  saved: DurableState | undefined;
}

export class AgreedNetwork {
  readonly nodes: NetworkNode[] = [];
  /** Pairs that cannot hear each other, as `ann bob`. */
  readonly cut = new Set<string>();
  nowMs = 1000;
  /** By how much each node's wall clock is ahead of time. */
  readonly wallAheadMs = new Map<string, number>();
  readonly #mail: {
    readonly dueMs: number;
    readonly from: NodeId;
    readonly to: NodeId;
    readonly bytes: Uint8Array;
  }[] = [];

  constructor(names: readonly string[], options: AgreementOptions = {}, lockOptions: object = {}) {
    const members = sortedMembers(names as NodeId[]);
    const state: DurableState = {
      reservedRound: 5,
      view: { epoch: 1, members, departed: false },
      ballot: 0,
      vote: undefined,
      longestMs: 0,
    };
    names.forEach((name, at) => {
      // Alone at the start in its own view, or all of one: nobody has forgotten anything.
      this.nodes.push(this.#createNode(name, at, state, options, lockOptions));
    });
    for (const { locks } of this.nodes) locks.start();
    // Members that begin with a state wait for a view in which nothing is forgotten.
    this.pass(3000);
  }

  #createNode(
    name: string,
    at: number,
    durable: DurableState,
    options: AgreementOptions,
    lockOptions: object,
  ): NetworkNode {
    const random = seededRandom(at + 1);
    const transitions: LockTransition[] = [];
    let number = 0;
    const node: NetworkNode = {
      name,
      transitions,
      saved: undefined,
      locks: new AgreedLocks(
        {
          self: name as NodeId,
          durable,
          clock: {
            monotonicMs: () => this.nowMs,
            wallMs: () => 1_700_000_000_000 + this.nowMs + (this.wallAheadMs.get(name) ?? 0),
          },
          random: () => random.next(),
          newLockId: () => `lk_${name}${++number}` as LockId,
          nameOf: (other) => `laptop of ${other}`,
          send: (to, message) => {
            this.#mail.push({
              dueMs: this.nowMs + delayMs,
              from: name as NodeId,
              to,
              bytes: encodeMessage(message),
            });
          },
          save: (saved, done) => {
            node.saved = saved;
            done();
          },
          onTransition: (transition) => transitions.push(transition),
          onView: () => {},
          onChange: () => {},
        },
        resolveLockOptions(lockOptions),
        options,
      ),
    };
    return node;
  }

  node(name: string): NetworkNode {
    const found = this.nodes.find((node) => node.name === name);
    assert(found);
    return found;
  }

  /** Answers come into the returned object. */
  claim(
    name: string,
    agent: string,
    targets: string | readonly string[],
    rest: object = {},
  ): { answer?: Grant | Denial; ticket?: number } {
    const result: { answer?: Grant | Denial; ticket?: number } = {};
    const { claim, waitMs } = parseClaim(
      {
        agent,
        intention: `${agent} works`,
        targets: [targets].flat().map((text) => targetOf(text)),
        ...rest,
      },
      limits,
    );
    const first = this.node(name).locks.acquireOrWait(claim, waitMs, (answer) => {
      result.answer = answer;
    });
    if (first.outcome === 'granted' || first.outcome === 'denied') result.answer = first;
    else result.ticket = first.ticket;
    return result;
  }

  granted(
    name: string,
    agent: string,
    targets: string | readonly string[],
    rest: object = {},
  ): Grant['lock'] {
    const result = this.claim(name, agent, targets, rest);
    this.pass(20);
    assert.equal(result.answer?.outcome, 'granted', JSON.stringify(result.answer));
    return (result.answer as Grant).lock;
  }

  denied(name: string, agent: string, targets: string | readonly string[], rest: object = {}): Denial {
    const result = this.claim(name, agent, targets, rest);
    this.pass(4000);
    assert.equal(result.answer?.outcome, 'denied', JSON.stringify(result.answer));
    return result.answer as Denial;
  }

  /** The first set of names hears nothing of the rest, nor the other way round. */
  split(names: readonly string[]): void {
    for (const { name } of this.nodes)
      for (const other of names) if (!names.includes(name)) this.cut.add(pair(name, other));
  }

  heal(): void {
    this.cut.clear();
  }

  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 1;
      for (const letter of this.#mail.splice(0)) {
        if (letter.dueMs > this.nowMs) this.#mail.push(letter);
        else if (!this.cut.has(pair(letter.from, letter.to)))
          this.node(letter.to).locks.receive(letter.from, decodeMessage(letter.bytes));
      }
      for (const { locks } of this.nodes) if (locks.nextDeadlineMs() <= this.nowMs) locks.expireDue();
    }
  }
}

export function agentId(name: string): AgentId {
  return name as AgentId;
}

function pair(a: string, b: string): string {
  return [a, b].sort().join(' ');
}

function targetOf(text: string): object {
  const [path = '', lines] = text.split(':');
  const [start, end] = (lines ?? '').split('-').map(Number);
  return { project: 'p', path, ...(lines === undefined ? {} : { scope: { kind: 'lines', start, end } }) };
}
