/** One run: a cluster is made, agents work on each node, and trouble comes and goes; then all is well, and has to be. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LockView } from '../../src/control/results.ts';
import type { SeededRandom } from '../../test/support/seed.ts';
import { makeCluster } from '../cluster.ts';
import type { Program } from '../daemon-process.ts';
import { judgeLeases, type LeaseHistory, newLeaseHistory } from '../lease-history.ts';
import { actAsHolder, FenceGuard } from './client.ts';
import { canMakeHosts, makeHosts, type Network } from './network.ts';
import { NemesisNode } from './node.ts';

export interface NemesisPlan {
  /** Everything of the run lies in it. */
  readonly directory: string;
  /** A repository to work in. */
  readonly cwd: string;
  readonly nodes: number;
  readonly seconds: number;
  readonly random: SeededRandom;
  /** Each node on a host of its own, where that is possible. */
  readonly onHosts: boolean;
  readonly program: Program;
  readonly say: (line: string) => void;
}

export interface NemesisOutcome {
  readonly problems: readonly string[];
  readonly history: LeaseHistory;
}

const agentsPerNode = 2;
/** All members agree again by then after trouble, on however busy a machine: the longest lease and two changes of the view. */
const healedWithinMs = 45_000;
const pollMs = 100;
/** Apart by half of what the protocol bears. */
const drifts = [0, 0.0025, -0.0025];

interface Stage {
  readonly nodes: readonly NemesisNode[];
  readonly network: Network | undefined;
  readonly random: SeededRandom;
  readonly say: (line: string) => void;
}

export async function playNemesis(plan: NemesisPlan): Promise<NemesisOutcome> {
  const { say, random, program, directory } = plan;
  const isSplit = plan.onHosts && canMakeHosts();
  if (!isSplit)
    say(`  without partitions: ${plan.onHosts ? 'this machine allows no network namespaces' : 'as asked'}`);
  const network = isSplit ? makeHosts(plan.nodes) : undefined;
  const nodes = Array.from(
    { length: plan.nodes },
    (_, at) =>
      new NemesisNode(`node-${at}`, directory, program, network?.hosts[at], drifts[at % drifts.length] ?? 0),
  );
  const stage: Stage = { nodes, network, random, say };
  const history = newLeaseHistory();
  const problems: string[] = [];
  try {
    await Promise.all(nodes.map((node) => node.start()));
    await makeCluster(nodes);
    problems.push(...(await healed(nodes, 'at the start')));
    let stopped = false;
    const guard = new FenceGuard(history);
    const agents = nodes.flatMap((node) =>
      Array.from({ length: agentsPerNode }, (_, at) =>
        actAsHolder({
          node,
          agent: `${node.name}-${at}`,
          cwd: plan.cwd,
          random,
          history,
          guard,
          stopped: () => stopped,
        }),
      ),
    );
    await trouble(stage, plan.seconds * 1000);
    problems.push(...(await healed(nodes, 'after the trouble')));
    // Work without trouble: whatever still stands in somebody's way shows now.
    await delay(5000);
    stopped = true;
    await Promise.all(agents);
    problems.push(
      ...judgeLeases(history),
      ...(await atMostOneSurvives(nodes)),
      ...(await everyoneGets(nodes, plan.cwd)),
    );
    const { leases, answers, writes } = history;
    const local = leases.filter(({ assurance }) => assurance === 'local').length;
    say(
      `  ${answers.length} claims answered, ${leases.length - local} granted by a majority, ${local} local, ${writes.length} guarded writes`,
    );
    if (leases.length - local === 0)
      problems.push('nothing was granted by a majority: this run shows nothing');
  } finally {
    for (const node of nodes) {
      node.resume();
      await node.kill();
    }
    network?.close();
  }
  return { problems, history };
}

/** Until the time is over: one or two troubles at once, each for some seconds, and some seconds of peace between them. */
async function trouble(stage: Stage, ms: number): Promise<void> {
  const { random, network } = stage;
  const kinds = [kill, pause, jump, ...(network === undefined ? [] : [partition, partition, partition])];
  for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
    const chosen = random.chance(0.3) ? [random.pick(kinds), random.pick(kinds)] : [random.pick(kinds)];
    await Promise.all(chosen.map((begin) => begin(stage)));
    await delay(random.int(500, 4000));
  }
}

async function kill({ nodes, random, say }: Stage): Promise<void> {
  const node = random.pick(nodes);
  const awayMs = random.int(0, 5000);
  say(`  kill ${node.name} for ${awayMs} ms`);
  await node.kill();
  await delay(awayMs);
  if (!node.isRunning) await node.start();
}

async function pause({ nodes, random, say }: Stage): Promise<void> {
  const node = random.pick(nodes);
  const awayMs = random.int(500, 7000);
  say(`  pause ${node.name} for ${awayMs} ms`);
  node.pause();
  await delay(awayMs);
  node.resume();
}

async function jump({ nodes, random, say }: Stage): Promise<void> {
  const node = random.pick(nodes);
  const aheadMs = random.int(-30_000, 30_000);
  say(`  clock of ${node.name} ${aheadMs} ms ahead`);
  node.jumpTo(aheadMs);
  await delay(random.int(500, 4000));
}

async function partition({ nodes, network, random, say }: Stage): Promise<void> {
  const others = new Set([random.pick(nodes), random.pick(nodes)]);
  say(`  cut off ${[...others].map(({ name }) => name).join(' and ')}`);
  network?.split((at) => (others.has(nodes[at] as NemesisNode) ? 1 : 0));
  await delay(random.int(2000, 8000));
  network?.split(() => 0);
}

/** Every member reaches all, in one view. */
async function healed(nodes: readonly NemesisNode[], when: string): Promise<readonly string[]> {
  let last = '';
  for (const endMs = performance.now() + healedWithinMs; performance.now() < endMs; await delay(pollMs)) {
    const views = await Promise.all(nodes.map(viewOf));
    last = JSON.stringify(views);
    const [first] = views;
    const isSame = views.every((view) => view !== undefined && view.epoch === first?.epoch && view.majority);
    if (isSame && views.every((view) => view?.members === nodes.length && view.reachable === nodes.length))
      return [];
  }
  return [`${when} the members did not agree on a view within ${healedWithinMs} ms: ${last}`];
}

async function viewOf(node: NemesisNode) {
  const client = node.client();
  try {
    return (await client.call('status', {}, { timeoutMs: 5000 })).data.locks.agreement ?? undefined;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

/** I4: of leases that overlap at most one is left, on every node. */
async function atMostOneSurvives(nodes: readonly NemesisNode[]): Promise<readonly string[]> {
  const held = new Map<string, LockView>();
  for (const node of nodes) {
    const client = node.client();
    const { data } = await client.call('lock.list', {}).finally(() => client.close());
    for (const lock of data.locks) if (lock.node === undefined) held.set(lock.id, lock);
  }
  const files = new Map<string, string>();
  return [...held.values()].flatMap((lock) =>
    lock.targets.flatMap(({ text }) => {
      const other = files.get(text);
      files.set(text, lock.id);
      return other === undefined || lock.mode === 'shared'
        ? []
        : [`I4: ${other} and ${lock.id} both hold ${text}`];
    }),
  );
}

/** I5, and that nothing is stuck: what anybody held ends, and each node gets it in turn. */
async function everyoneGets(nodes: readonly NemesisNode[], cwd: string): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const node of nodes) {
    const client = node.client();
    const claim = {
      agent: 'last',
      cwd,
      targets: ['**'],
      intention: 'all of it',
      waitMs: 20_000,
      ttlMs: 5000,
    };
    try {
      const { lock } = (await client.call('lock.acquire', claim, { timeoutMs: 40_000 })).data;
      if (lock.assurance !== 'cluster') problems.push(`${node.name} has no majority after all is well`);
      await client.call('lock.release', { id: lock.id, agent: 'last' });
    } catch (error) {
      problems.push(`I5: ${node.name} does not get what nobody should hold any more: ${String(error)}`);
    } finally {
      client.close();
    }
  }
  return problems;
}
