/** One run: the script is played, trouble ends, and what has to happen then is looked for. */

import { freshState } from '../../src/agreement/durable-state.ts';
import type { Message } from '../../src/agreement/message.ts';
import type { Output } from '../../src/agreement/outcome.ts';
import type { View } from '../../src/agreement/view.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId } from '../../src/base/ids.ts';
import type { Claim } from '../../src/lock/claim.ts';
import type { Violation } from './judge.ts';
import type { Action, Script } from './script.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { type AgreementClass, type Observer, Simulation, targets } from './simulation.ts';

/** After the last trouble members that restarted wait until what they promised is over, and then need a change of the view. */
const settleMs = 16_000;
/** A run of twelve nodes has some 50 000. */
const mostSteps = 200_000;
const races = 3;
const raceMs = 3000;

export interface Played {
  readonly steps: number;
  readonly grants: number;
  readonly violations: readonly Violation[];
}

export function play(
  script: Script,
  AgreementUnderTest?: AgreementClass,
  observer: Observer = {},
  maxSteps = Number.POSITIVE_INFINITY,
): Played {
  const run = new Run(new Simulation(script, AgreementUnderTest, observer));
  return run.play(maxSteps);
}

class Run {
  readonly #sim: Simulation;
  #grants = 0;
  #race: { readonly requests: Set<number>; granted: Output[]; denied: Output[] } | undefined = undefined;

  constructor(sim: Simulation) {
    this.#sim = sim;
    sim.onOutput = (_, output) => this.#onOutput(output);
  }

  play(maxSteps: number): Played {
    const sim = this.#sim;
    const { script } = sim;
    const nodes = Array.from({ length: script.nodes }, () => sim.addNode(false));
    const view: View = { epoch: 1, members: nodes.map(({ id }) => id), departed: false };
    for (const node of nodes) {
      node.disk = { ...freshState(node.id, false), view };
      sim.start(node);
    }
    for (const { atMs, action } of script.actions) sim.at(atMs, () => this.#act(action));
    sim.at(script.calmMs, () => this.#calmDown());
    sim.at(script.calmMs + settleMs, () => this.#settled());
    sim.run(Math.min(maxSteps, mostSteps));
    if (sim.steps >= mostSteps) sim.judge.say('live', `the run has no end after ${mostSteps} steps`);
    return { steps: sim.steps, grants: this.#grants, violations: sim.violations };
  }

  #act(action: Action): void {
    const sim = this.#sim;
    const until = 'forMs' in action ? Math.min(sim.nowMs + action.forMs, sim.script.calmMs) : 0;
    const forMs = until - sim.nowMs;
    const node = 'node' in action ? sim.nodes[action.node] : undefined;
    sim.trace(() => `* ${JSON.stringify(action)}`);
    switch (action.kind) {
      case 'partition':
        sim.cut((from, to) => ((action.mask >> from) & 1) !== ((action.mask >> to) & 1), until);
        return;
      case 'one-way':
        sim.cut((from, to) => from === action.from && to === action.to, until);
        return;
      case 'weather':
        sim.network.weather(action.loss, action.twice, action.delayMs, until);
        return;
      case 'join':
        for (let nth = 0; nth < action.count; nth += 1) this.#join(sim.nodes[action.by]);
        return;
      case 'evict':
        this.#evict(sim.nodes[action.by], node);
        return;
      case 'release':
      case 'renew':
      case 'touch':
      case 'force':
      case 'meddle':
        this.#onLock(action);
        return;
    }
    if (node === undefined) return;
    this.#onNode(action, node, forMs, until);
  }

  #onNode(action: Action, node: SimulatedNode, forMs: number, untilMs: number): void {
    const sim = this.#sim;
    switch (action.kind) {
      case 'claim':
        sim.claim(node, claimOf(action), action.waitMs);
        break;
      case 'cancel':
        sim.call(node, (agreement) => agreement.cancel(node.now(sim.nowMs), sim.nextRequest - 1));
        break;
      case 'crash':
        this.#crash(node, untilMs, action.losesDisk);
        break;
      case 'pause':
      case 'suspend':
        sim.stop(node, forMs, action.kind === 'suspend');
        break;
      case 'set-wall':
        // A step of the wall clock that makes good a sleep hides it: docs/AGREEMENT.md does not promise that case.
        if (!node.isStopped(sim.nowMs)) node.setWall(action.byMs);
        sim.call(node, (agreement) => agreement.tick(node.now(sim.nowMs)));
        break;
      case 'slow':
        node.slowMs = action.delayMs;
        sim.at(untilMs, () => (node.slowMs = 0));
        break;
      case 'slow-disk':
        node.diskMs = action.delayMs;
        sim.at(untilMs, () => (node.diskMs = 0));
        break;
      case 'leave':
        if (!node.isStopped(sim.nowMs)) sim.call(node, (agreement) => agreement.leave(node.now(sim.nowMs)));
        break;
    }
  }

  #onLock(action: Extract<Action, { readonly nth: number }>): void {
    const sim = this.#sim;
    const granted = [...sim.judge.active()].at(-1 - action.nth);
    if (granted === undefined || granted.node.isStopped(sim.nowMs)) return;
    const { node, lock } = granted;
    const now = () => node.now(sim.nowMs);
    switch (action.kind) {
      case 'release':
        sim.release(node, lock.id, action.asOther ? ('mallory' as AgentId) : lock.agent, !action.asOther);
        break;
      case 'renew':
        if (!sim.isGood(node, lock.id)) break;
        sim.judge.extended(lock.id, sim.nowMs, action.ttlMs);
        sim.call(node, (agreement) =>
          agreement.renew(now(), sim.nextRequest, lock.id, lock.agent, action.ttlMs),
        );
        break;
      case 'touch':
        sim.call(node, (agreement) => agreement.touch(now(), lock.agent));
        for (const other of sim.judge.active())
          if (other.node === node && other.lock.agent === lock.agent)
            sim.judge.extended(other.lock.id, sim.nowMs);
        break;
      case 'force':
        this.#force(action.node, lock.id);
        break;
      case 'meddle':
        this.#meddle(action.node, node, lock.id);
        break;
    }
  }

  #force(by: number, id: Parameters<Simulation['release']>[1]): void {
    const sim = this.#sim;
    const node = sim.nodes[by];
    if (node === undefined || node.isStopped(sim.nowMs)) return;
    sim.judge.allowedEnds.add(`forced ${id}`);
    sim.call(node, (agreement) => agreement.force(node.now(sim.nowMs), 0, id, 'a person', 'in the way'));
  }

  /** A message of a member about a lock of another. */
  #meddle(by: number, holder: SimulatedNode, id: Parameters<Simulation['release']>[1]): void {
    const sim = this.#sim;
    const meddler = sim.nodes[by];
    if (meddler?.agreement === undefined || meddler === holder || meddler.isGone) return;
    const { view } = meddler.agreement;
    for (const node of sim.nodes) {
      if (node === meddler || node.isStopped(sim.nowMs)) continue;
      if (node.agreement?.view.epoch !== view.epoch) continue;
      const message: Message = {
        epoch: view.epoch,
        boot: sim.bootOf(meddler),
        round: 0,
        time: 0 as HlcTime,
        body: { kind: 'end', ids: [id] },
      };
      sim.call(node, (agreement) => agreement.receive(node.now(sim.nowMs), meddler.id, message));
    }
  }

  #crash(node: SimulatedNode, untilMs: number, losesDisk: boolean): void {
    const sim = this.#sim;
    if (node.agreement === undefined) return;
    sim.crash(node);
    if (!losesDisk) {
      sim.at(untilMs, () => sim.start(node));
      return;
    }
    // With the disk goes the key: the machine comes back as another node.
    node.isGone = true;
    const by = sim.nodes.find((one) => one.agreement !== undefined && !one.isGone);
    if (by === undefined) return;
    sim.call(by, (agreement) => agreement.change(by.now(sim.nowMs), node.id, 'out'));
    this.#join(by);
  }

  #join(by: SimulatedNode | undefined): void {
    const sim = this.#sim;
    if (by?.agreement === undefined || sim.nodes.length >= 12 || by.isStopped(sim.nowMs)) return;
    const joiner = sim.addNode(true);
    sim.start(joiner);
    sim.call(by, (agreement) => agreement.change(by.now(sim.nowMs), joiner.id, 'in'));
  }

  #evict(by: SimulatedNode | undefined, node: SimulatedNode | undefined): void {
    const sim = this.#sim;
    if (by === undefined || node === undefined || by === node || by.isStopped(sim.nowMs)) return;
    sim.call(by, (agreement) => agreement.change(by.now(sim.nowMs), node.id, 'out'));
  }

  #calmDown(): void {
    const sim = this.#sim;
    sim.trace(() => 'trouble is over');
    sim.network.heal();
    for (const node of sim.nodes) {
      node.slowMs = 0;
      node.diskMs = 0;
      sim.start(node);
    }
  }

  /** Members that could agree by now have agreed. */
  #settled(): void {
    const sim = this.#sim;
    sim.judge.settled(sim.nowMs, sim.isGood);
    const running = sim.nodes.filter((node) => node.agreement !== undefined);
    let newest: View = { epoch: 0, members: [], departed: false };
    for (const { agreement } of running)
      if (agreement !== undefined && agreement.view.epoch > newest.epoch) newest = agreement.view;
    const members = running.filter(({ id }) => newest.members.includes(id));
    if (members.length * 2 <= newest.members.length) {
      this.#finish();
      return;
    }
    for (const { id, agreement } of members)
      if (agreement?.view.epoch !== newest.epoch || !agreement.isReady)
        sim.judge.say(
          'live',
          `${id} is at view ${agreement?.view.epoch} of ${newest.epoch}, ready: ${agreement?.isReady}`,
        );
    for (const { node, lock } of [...sim.judge.active()]) sim.release(node, lock.id, lock.agent, true);
    for (let race = 0; race < races; race += 1)
      sim.at(sim.nowMs + 1000 + race * raceMs, () => this.#startRace(members));
    sim.at(sim.nowMs + 1000 + races * raceMs, () => this.#finish());
  }

  /** All claim the same at about the same time: one gets it, and the others are told whose it is. */
  #startRace(members: readonly SimulatedNode[]): void {
    const sim = this.#sim;
    const race = { requests: new Set<number>(), granted: [], denied: [] };
    this.#race = race;
    const everything = targets.at(-1);
    if (everything === undefined) return;
    for (const node of members) {
      sim.at(sim.nowMs + 4 * sim.random.next(), () => {
        const claim = {
          ...claimOf({
            kind: 'claim',
            node: 0,
            agent: 0,
            targets: [7],
            shared: false,
            ttlMs: 5000,
            waitMs: 0,
            priority: 0,
          }),
        };
        const request = sim.claim(node, claim, 0);
        if (request !== undefined) race.requests.add(request);
      });
    }
    sim.at(sim.nowMs + 2000, () => this.#judgeRace(members.length));
  }

  #judgeRace(racers: number): void {
    const sim = this.#sim;
    const race = this.#race;
    if (race === undefined) return;
    const winner = race.granted[0];
    if (race.granted.length !== 1 || winner?.kind !== 'granted' || winner.lock.assurance !== 'cluster') {
      sim.judge.say(
        'I3',
        `of ${racers} that claim the same ${race.granted.length} get it: ${JSON.stringify(race.granted)}`,
      );
      return;
    }
    for (const loser of race.denied)
      if (loser.kind === 'denied' && (loser.cause !== 'held' || loser.obstacle?.id !== winner.lock.id))
        sim.judge.say('I3', `who lost to ${winner.lock.id} is told ${JSON.stringify(loser)}`);
    for (const { node, lock } of [...sim.judge.active()]) sim.release(node, lock.id, lock.agent, true);
    this.#race = undefined;
  }

  #finish(): void {
    const sim = this.#sim;
    const held = sim.nodes.flatMap(({ agreement }) => agreement?.locks().map(({ id }) => id) ?? []);
    sim.judge.finish(sim.nowMs, new Set(held));
    sim.finish();
  }

  #onOutput(output: Output): void {
    if (output.kind === 'granted') this.#grants += 1;
    if (this.#race === undefined) return;
    if (output.kind === 'granted') this.#race.granted.push(output);
    if (output.kind === 'denied') this.#race.denied.push(output);
  }
}

function claimOf(action: Extract<Action, { readonly kind: 'claim' }>): Claim {
  return {
    agent: `agent-${action.agent}` as AgentId,
    targets: action.targets.flatMap((at) => targets[at] ?? []),
    mode: action.shared ? 'shared' : 'exclusive',
    intention: 'work',
    ttlMs: action.ttlMs,
    priority: action.priority,
  };
}
