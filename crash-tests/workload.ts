/** Agents that share and lock through the control socket until the daemon is gone, and note every answer. */
import { CollabError } from '../src/base/errors.ts';
import type { ControlClient } from '../src/control/client.ts';
import type { LockView } from '../src/control/results.ts';
import { type SeededRandom, seededRandom } from '../test/support/seed.ts';
import type { Acknowledged, Action, History } from './history.ts';

export interface WorkPlan {
  readonly seed: number;
  readonly agents: number;
  readonly life: number;
  /** The project's directory. */
  readonly cwd: string;
  /** Agents count their turns from here: work in several stretches must not say the same twice. @default 0 */
  readonly firstTurn?: number;
  /** Called in the turn of each answer: the place for a kill at the n-th acknowledgement. */
  readonly onAnswer: (count: number) => void;
  readonly stopped: () => boolean;
  /** Refusals that the fault of this scenario explains. @default none */
  readonly excused?: (error: CollabError) => boolean;
}

export const paths: readonly string[] = ['src/login.ts', 'src/session.ts', 'docs/plan.md', 'a b/ü.ts'];
const durabilities: readonly Acknowledged['durability'][] = ['flushed', 'flushed', 'committed', 'accepted'];
/** Refusals that a busy table gives by right. */
const expected: ReadonlySet<string> = new Set(['LOCK_RATE_LIMITED', 'LOCK_WAIT_TIMEOUT', 'DAEMON_CLOSING']);
/** Now and then a payload of several pages: LMDB stores it elsewhere. */
const largeChars = 40_000;
/** Who ends locks by force. */
const person = 'a-person';

/** Resolves when every agent has stopped, or lost its daemon. */
export async function work(connect: () => ControlClient, history: History, plan: WorkPlan): Promise<void> {
  let answers = 0;
  const answered = () => plan.onAnswer(++answers);
  const { firstTurn = 0 } = plan;
  await Promise.all(
    Array.from({ length: plan.agents }, (_, at) => {
      const agent = `agent-${at}`;
      const random = seededRandom(plan.seed * 31 + plan.life * 7 + firstTurn * 13 + at);
      return actAsAgent({ client: connect(), agent, random, history, plan, answered });
    }),
  );
}

/** Who asks, and where the answers are noted. */
export interface Asker {
  readonly client: ControlClient;
  readonly agent: string;
  readonly history: History;
  readonly plan: Pick<WorkPlan, 'life' | 'cwd'>;
  /** @default that of the client */
  readonly timeoutMs?: number;
}

interface Actor extends Asker {
  readonly random: SeededRandom;
  readonly plan: WorkPlan;
  readonly answered: () => void;
}

async function actAsAgent(actor: Actor): Promise<void> {
  const { random, plan, client } = actor;
  try {
    for (let turn = plan.firstTurn ?? 0; !plan.stopped(); turn += 1) {
      const draw = random.next();
      if (draw < 0.6) await attempt(actor, () => share(actor, turn));
      else if (draw < 0.93) await attempt(actor, () => lockAndEnd(actor, turn));
      else await attempt(actor, () => askTrail(actor));
    }
  } catch (error) {
    // The daemon is gone, which is what this is about. Whatever else it is goes into the history.
    if (error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE') return;
    actor.history.unexpected.push(describe(error));
  } finally {
    client.close();
  }
}

async function share(actor: Actor, turn: number): Promise<void> {
  const { agent, random, plan } = actor;
  const path = random.pick(paths);
  const durability = random.pick(durabilities);
  const content = `${agent} ${plan.life} ${turn} ${random.chance(0.02) ? 'x'.repeat(largeChars) : ''}`;
  await shareText(actor, { path, content, durability });
  actor.answered();
}

export async function shareText(
  { client, agent, history, plan, timeoutMs }: Asker,
  what: Pick<Acknowledged, 'path' | 'content' | 'durability'>,
): Promise<void> {
  const { life, cwd } = plan;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const { data } = await client.call('context.share', { agent, cwd, ...what }, options);
  history.acknowledged.push({ id: data.context.id, ...what, life });
}

async function lockAndEnd(actor: Actor, turn: number): Promise<void> {
  const { agent, random, plan } = actor;
  const intention = `${agent} ${plan.life} ${turn}`;
  const end = random.next();
  // What is never given back would block the others for the rest of the life.
  const path = end < 0.05 ? `kept/${agent} ${turn}.ts` : random.pick(paths);
  const lock = await acquire(actor, path, intention);
  actor.answered();
  if (lock === undefined || end < 0.05) return;
  try {
    await endLock(actor, lock, end < 0.15 ? 'forced' : 'released');
  } catch (error) {
    // Granted without a majority: it gives way to one of another node as soon as the two meet, and says so.
    const gaveWay =
      lock.assurance === 'local' && error instanceof CollabError && error.code === 'LOCK_NOT_HELD';
    if (!gaveWay) throw error;
  }
  actor.answered();
}

/** Undefined when it was denied. */
export async function acquire(
  actor: Asker,
  path: string,
  intention: string,
  terms: { readonly ttlMs?: number; readonly waitMs?: number } = {},
): Promise<LockView | undefined> {
  const { client, agent, history, plan, timeoutMs } = actor;
  const { life, cwd } = plan;
  try {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    const input = { agent, cwd, targets: [path], intention, ...terms };
    const { data } = await client.call('lock.acquire', input, options);
    const { id, fence } = data.lock;
    history.granted.push({ lockId: id, path, fence, life, agent });
    note(actor, { action: 'acquired', intention, lockId: id, fence });
    return data.lock;
  } catch (error) {
    if (!(error instanceof CollabError) || error.code !== 'LOCK_DENIED') throw error;
    // A stop refuses who waits, and by then nothing is audited any more.
    if (error.details?.reason !== 'cancelled') note(actor, { action: 'denied', intention });
    return undefined;
  }
}

export async function endLock(actor: Asker, lock: LockView, how: 'forced' | 'released'): Promise<void> {
  const { client, agent, timeoutMs } = actor;
  const { id, fence, intention } = lock;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  if (how === 'forced') await client.call('lock.force', { id, by: person, reason: intention }, options);
  else await client.call('lock.release', { id, agent, fence }, options);
  note(actor, { action: how, intention, lockId: id, fence });
}

function note({ history, agent, plan }: Asker, action: Omit<Action, 'agent' | 'life' | 'answeredAt'>): void {
  history.ticks += 1;
  history.actions.push({ ...action, agent, life: plan.life, answeredAt: history.ticks });
}

export async function askTrail({ client, history, plan }: Asker): Promise<void> {
  history.ticks += 1;
  const askedAt = history.ticks;
  const { data } = await client.call('audit', { limit: 100 });
  // It says when it did not wait for the lane.
  if (data.behind === undefined) history.barriers.push({ life: plan.life, askedAt });
  for (const event of data.events) history.seenEvents.set(event.cursor, event);
}

async function attempt({ history, plan }: Actor, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const known = error instanceof CollabError ? error : undefined;
    if (known?.code === 'DAEMON_UNREACHABLE') throw error;
    if (known !== undefined && (expected.has(known.code) || plan.excused?.(known) === true)) return;
    history.unexpected.push(describe(error));
  }
}

export function describe(error: unknown): string {
  return error instanceof CollabError ? `${error.code}: ${error.message}` : String(error);
}
