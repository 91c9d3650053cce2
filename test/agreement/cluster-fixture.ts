import { type Draws, drawScript } from '../../crash-tests/simulate/script.ts';
import type { SimulatedNode } from '../../crash-tests/simulate/simulated-node.ts';
import { Simulation } from '../../crash-tests/simulate/simulation.ts';
import { freshState } from '../../src/agreement/durable-state.ts';
import type { Message } from '../../src/agreement/message.ts';
import type { Output } from '../../src/agreement/outcome.ts';
import type { Claim } from '../../src/lock/claim.ts';
import { claim } from '../lock/lock-fixture.ts';

type OutputOf<K extends Output['kind']> = Extract<Output, { readonly kind: K }>;

/** A cluster of simulated nodes in good weather, to which a test does what it is about. */
export class Cluster {
  readonly sim: Simulation;
  readonly nodes: readonly SimulatedNode[];
  readonly said: { readonly node: SimulatedNode; readonly output: Output }[] = [];
  readonly sent: { readonly from: SimulatedNode; readonly message: Message }[] = [];

  constructor(nodes: number, draws: Draws = {}) {
    const script = { ...drawScript(7, draws), nodes, actions: [] };
    this.sim = new Simulation(script, undefined, {
      pass: (message, from) => {
        this.sent.push({ from, message });
        return message;
      },
    });
    this.sim.onOutput = (node, output) => this.said.push({ node, output });
    this.nodes = Array.from({ length: nodes }, () => this.sim.addNode(false));
    const members = this.nodes.map(({ id }) => id);
    for (const node of this.nodes) {
      node.disk = { ...freshState(node.id, false), view: { epoch: 1, members, departed: false } };
      this.sim.start(node);
    }
    this.pass(50);
  }

  node(at: number): SimulatedNode {
    const node = this.nodes[at];
    if (node === undefined) throw new RangeError(`no node ${at}`);
    return node;
  }

  /** Lets time go by. @throws when an invariant is broken. */
  pass(ms: number): void {
    const untilMs = this.sim.nowMs + ms;
    let isOver = false;
    this.sim.at(untilMs, () => {
      isOver = true;
    });
    while (!isOver) this.sim.run(this.sim.steps + 1);
    const violation = this.sim.violations[0];
    if (violation !== undefined) throw new Error(`${violation.invariant} ${violation.what}`);
  }

  /** No message of this node reaches the others, nor theirs it. */
  isolate(at: number, forMs: number): void {
    this.sim.cut((from, to) => (from === at) !== (to === at), this.sim.nowMs + forMs);
  }

  restart(at: number): void {
    this.sim.crash(this.node(at));
    this.sim.start(this.node(at));
  }

  claim(
    at: number,
    who: string,
    texts: string | readonly string[],
    more: Partial<Claim> = {},
    waitMs = 0,
  ): number {
    const request = this.sim.claim(this.node(at), claim(who, texts, { ttlMs: 5000, ...more }), waitMs);
    if (request === undefined) throw new Error(`${this.node(at).id} is down`);
    return request;
  }

  release(at: number, { lock }: OutputOf<'granted'>): void {
    this.sim.release(this.node(at), lock.id, lock.agent, true);
  }

  /** The newest output that answers a request. */
  answer(request: number): Output | undefined {
    return this.said.findLast(
      ({ output }) => 'request' in output && output.request === request && output.kind !== 'waiting',
    )?.output;
  }

  granted(request: number): OutputOf<'granted'> {
    const answer = this.answer(request);
    if (answer?.kind !== 'granted') throw new Error(`not granted but ${JSON.stringify(answer)}`);
    return answer;
  }

  denied(request: number): OutputOf<'denied'> {
    const answer = this.answer(request);
    if (answer?.kind !== 'denied') throw new Error(`not denied but ${JSON.stringify(answer)}`);
    return answer;
  }

  ended(): readonly OutputOf<'ended'>[] {
    return this.said.flatMap(({ output }) => (output.kind === 'ended' ? output : []));
  }
}
