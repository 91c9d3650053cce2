/** Agents that share and lock through the control socket until the daemon is gone, and note every answer. */
import { CollabError } from '../src/base/errors.ts';
import type { ControlClient } from '../src/control/client.ts';
import { type SeededRandom, seededRandom } from '../test/support/seed.ts';
import type { Acknowledged, History } from './history.ts';

export interface WorkPlan {
  readonly seed: number;
  readonly agents: number;
  readonly life: number;
  /** The project's directory. */
  readonly cwd: string;
  /** Called in the turn of each answer: the place for a kill at the n-th acknowledgement. */
  readonly onAnswer: (count: number) => void;
  readonly stopped: () => boolean;
}

export const paths: readonly string[] = ['src/login.ts', 'src/session.ts', 'docs/plan.md', 'a b/ü.ts'];
const durabilities: readonly Acknowledged['durability'][] = ['flushed', 'flushed', 'committed', 'accepted'];
/** Refusals that a busy table gives by right. */
const expected: ReadonlySet<string> = new Set([
  'LOCK_DENIED',
  'LOCK_RATE_LIMITED',
  'LOCK_WAIT_TIMEOUT',
  'DAEMON_CLOSING',
]);
/** Now and then a payload of several pages: LMDB stores it elsewhere. */
const largeChars = 40_000;

/** Resolves when every agent has stopped, or lost its daemon. */
export async function work(connect: () => ControlClient, history: History, plan: WorkPlan): Promise<void> {
  let answers = 0;
  const answered = () => plan.onAnswer(++answers);
  await Promise.all(
    Array.from({ length: plan.agents }, (_, at) => {
      const agent = `agent-${at}`;
      const random = seededRandom(plan.seed * 31 + plan.life * 7 + at);
      return actAsAgent({ client: connect(), agent, random, history, plan, answered });
    }),
  );
}

interface Actor {
  readonly client: ControlClient;
  readonly agent: string;
  readonly random: SeededRandom;
  readonly history: History;
  readonly plan: WorkPlan;
  readonly answered: () => void;
}

async function actAsAgent(actor: Actor): Promise<void> {
  try {
    for (let turn = 0; !actor.plan.stopped(); turn += 1) {
      if (actor.random.chance(0.7)) await share(actor, turn);
      else await lockAndRelease(actor);
    }
  } catch (error) {
    // The daemon is gone, which is what this is about. Whatever else it is goes into the history.
    if (error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE') return;
    actor.history.unexpected.push(describe(error));
  } finally {
    actor.client.close();
  }
}

async function share({ client, agent, random, history, plan, answered }: Actor, turn: number): Promise<void> {
  const { life, cwd } = plan;
  const path = random.pick(paths);
  const durability = random.pick(durabilities);
  const content = `${agent} ${life} ${turn} ${random.chance(0.02) ? 'x'.repeat(largeChars) : ''}`;
  await orExpected(history, async () => {
    const { data } = await client.call('context.share', { agent, cwd, path, content, durability });
    history.acknowledged.push({ id: data.context.id, path, content, durability, life });
    answered();
  });
}

async function lockAndRelease({ client, agent, random, history, plan, answered }: Actor): Promise<void> {
  const { life, cwd } = plan;
  const path = random.pick(paths);
  await orExpected(history, async () => {
    const { data } = await client.call('lock.acquire', {
      agent,
      cwd,
      targets: [path],
      intention: 'crash test',
    });
    history.granted.push({ lockId: data.lock.id, path, fence: data.lock.fence, life });
    answered();
    await client.call('lock.release', { id: data.lock.id, agent, fence: data.lock.fence });
  });
}

async function orExpected(history: History, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const code = error instanceof CollabError ? error.code : '';
    if (code === 'DAEMON_UNREACHABLE') throw error;
    if (!expected.has(code)) history.unexpected.push(describe(error));
  }
}

function describe(error: unknown): string {
  return error instanceof CollabError ? `${error.code}: ${error.message}` : String(error);
}
