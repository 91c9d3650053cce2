/** Nodes of one cluster, of which some are killed while all of them work. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCluster, preparePeer } from './cluster.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { presentFailpoints } from './failpoints.ts';
import { notPassed, reachedWithinMs, turns } from './killing.ts';
import { wholeLog } from './observe.ts';
import { type PeerSide, peersConverge } from './peer-checks.ts';
import { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** Nodes that have not come to the same by then will not, on however busy a machine. */
const convergedWithinMs = 60_000;
const pollMs = 100;

interface Node {
  readonly name: string;
  /** Its home, its history and its lives. */
  readonly round: Round;
  daemon: DaemonProcess;
}

async function startNode(name: string, round: Round): Promise<Node> {
  preparePeer(round.home, name);
  return { name, round, daemon: await round.startReady() };
}

async function sideOf({ name, round, daemon }: Node): Promise<PeerSide> {
  const client = daemon.client();
  try {
    return { name, history: round.history, deltas: await wholeLog(client, {}) };
  } finally {
    client.close();
  }
}

/** Nobody writes any more: what is different now has to go away by itself. */
async function converged(nodes: readonly Node[]): Promise<readonly string[]> {
  const endMs = performance.now() + convergedWithinMs;
  for (;;) {
    const problems = peersConverge(await Promise.all(nodes.map(sideOf)));
    if (problems.length === 0 || performance.now() > endMs) return problems;
    await delay(pollMs);
  }
}

const places = ['peers.', 'persist.taken', 'persist.applied'];

const peersKilled: Scenario = {
  name: 'peers-killed',
  about:
    'two nodes work; SIGKILL of one at the n-th acknowledgement, then of one at a named place on the way of a delta between them (G8, and G1–G7 on each)',
  every: 3,
  async run(round) {
    // The same repository on both: a project is known by its remote.
    execFileSync('git', ['-C', round.cwd, 'remote', 'add', 'origin', 'https://example.com/acme/app.git']);
    const { cwd, program, random, seed } = round;
    const other = new Round({ directory: join(round.directory, 'other'), cwd, program, seed: seed + 1 });
    try {
      const nodes = [await startNode('ann', round), await startNode('bob', other)] as const;
      await makeCluster(nodes.map(({ daemon }) => daemon));
      await killOne(nodes, random.pick([0, 1]), async ({ round: victim, daemon }) => {
        await victim.workUntil(daemon, random.int(1, 100), () => daemon.kill());
      });
      const [place = ''] = turns(presentFailpoints(program, places), seed, 1);
      const pass = random.int(1, 4);
      await killOne(nodes, random.pick([0, 1]), async (node) => {
        const { round: victim } = node;
        await victim.stop(node.daemon);
        const armed = await victim.startArmed(`${place}=kill@${pass}`);
        if (!(await victim.workUntilGone(armed, reachedWithinMs))) notPassed(victim, place);
        round.notes.push(`killed at ${place}@${pass}`);
      });
      round.problems.push(...(await converged(nodes)));
      for (const { name, round: own, daemon } of nodes) {
        await own.check(daemon);
        await own.stop(daemon);
        if (existsSync(join(own.home, 'logs', 'forks.jsonl')))
          round.problems.push(`G8: ${name} has seen a fork`);
      }
    } finally {
      round.problems.push(...other.problems.map((problem) => `${problem} (bob)`));
      for (let kill = 0; kill < other.kills; kill += 1) round.countKill();
      await other.end();
    }
  },
};

/** The others work all the while; the one that was killed works again before they stop. */
async function killOne(
  nodes: readonly [Node, Node],
  at: 0 | 1,
  kill: (node: Node) => Promise<void>,
): Promise<void> {
  const [victim, witness] = at === 0 ? nodes : [nodes[1], nodes[0]];
  const killed = kill(victim).then(async () => {
    victim.daemon = await victim.round.startReady();
    await victim.round.workFor(victim.daemon, 20);
  });
  await witness.round.workDuring(witness.daemon, killed);
}

export const peerScenarios: readonly Scenario[] = [peersKilled];
