/** Agents that claim what others claim too, hold it for a while, and write to resources that are guarded by fences. */
import { setTimeout as delay } from 'node:timers/promises';
import { CollabError } from '../../src/base/errors.ts';
import type { ControlClient } from '../../src/control/client.ts';
import type { LockView } from '../../src/control/results.ts';
import { parseTarget } from '../../src/lock/claim.ts';
import type { SeededRandom } from '../../test/support/seed.ts';
import type { LeaseHistory, SeenLease } from '../lease-history.ts';
import type { NemesisNode } from './node.ts';

export interface AgentPlan {
  readonly node: NemesisNode;
  readonly agent: string;
  readonly cwd: string;
  readonly random: SeededRandom;
  readonly history: LeaseHistory;
  readonly guard: FenceGuard;
  readonly stopped: () => boolean;
}

/** What agents claim: files, lines and a glob that overlap. */
const targets: readonly string[] = [
  'src/a.ts',
  'src/a.ts:1-40',
  'src/a.ts:30-60',
  'src/b.ts',
  'src/**',
  'docs/c.md',
];
/** Resources outside of the program, each for a file. */
const resources = ['src/a.ts', 'src/b.ts', 'docs/c.md'];
/** A daemon that is paused answers nothing: the client must not wait for it for ever. */
const timeoutMs = 20_000;

/** A resource that takes no write with a fence below one that it has seen (Kleppmann 2016). */
export class FenceGuard {
  readonly #newest = new Map<string, number>();
  readonly #history: LeaseHistory;

  constructor(history: LeaseHistory) {
    this.#history = history;
  }

  write(resource: string, lease: string, fence: number): void {
    if (fence < (this.#newest.get(resource) ?? 0)) return;
    this.#newest.set(resource, fence);
    this.#history.writes.push({ resource, lease, fence });
  }
}

export async function actAsHolder(plan: AgentPlan): Promise<void> {
  while (!plan.stopped()) {
    if (!plan.node.isRunning) {
      await delay(100);
      continue;
    }
    const client = plan.node.client();
    try {
      while (!plan.stopped()) await claimOnce(plan, client);
    } catch (error) {
      // Killed, or paused for too long. Whatever else it is, is a finding.
      if (!(error instanceof CollabError) || !/^(DAEMON_|TIMEOUT)/.test(error.code)) throw error;
      await delay(200);
    } finally {
      client.close();
    }
  }
}

async function claimOnce(plan: AgentPlan, client: ControlClient): Promise<void> {
  const { node, agent, cwd, random, history } = plan;
  const waitMs = random.chance(0.5) ? 0 : random.int(100, 3000);
  const mode = random.chance(0.2) ? 'shared' : 'exclusive';
  const ttlMs = random.int(1000, 6000);
  const chosen = [random.pick(targets)];
  const askedMs = performance.now();
  const { troubles } = node;
  const answered = (isExcused: boolean) =>
    history.answers.push({
      node: node.name,
      waitMs,
      askedMs,
      answeredMs: performance.now(),
      isExcused: isExcused || node.troubles !== troubles,
    });
  const claim = { agent, cwd, targets: chosen, intention: 'under the nemesis', mode, ttlMs, waitMs } as const;
  let lock: LockView;
  try {
    lock = (await client.call('lock.acquire', claim, { timeoutMs })).data.lock;
  } catch (error) {
    answered(error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE');
    // Denied, be it for a disk that does not answer.
    if (
      error instanceof CollabError &&
      (error.code.startsWith('LOCK_') || error.details?.reason === 'disk')
    ) {
      await delay(random.int(10, 60));
      return;
    }
    throw error;
  }
  answered(false);
  const grantedMs = performance.now();
  const { id, fence, assurance } = lock;
  const seen: SeenLease = {
    node: node.name,
    agent,
    id,
    fence,
    assurance,
    mode,
    targets: lock.targets.map(({ path, scope }) => parseTarget({ project: lock.project, path, scope })),
    askedMs,
    grantedMs,
    begunMs: askedMs,
    validMs: grantedMs,
  };
  history.leases.push(seen);
  // Now and then for longer than a promise lasts without being renewed.
  await holdFor(plan, client, seen, random.chance(0.3) ? random.int(3000, 9000) : random.int(0, 2000));
}

async function holdFor(
  { agent, random, guard, stopped }: AgentPlan,
  client: ControlClient,
  seen: SeenLease,
  ms: number,
): Promise<void> {
  const { id, fence, mode } = seen;
  for (const endMs = performance.now() + ms; performance.now() < endMs && !stopped(); ) {
    const sentMs = performance.now();
    try {
      await client.call('lock.check', { id, fence, agent }, { timeoutMs });
    } catch (error) {
      if (error instanceof CollabError && error.code.startsWith('LOCK_')) return;
      throw error;
    }
    seen.validMs = sentMs;
    // A write that was checked, and comes late: the guard has to tell.
    await delay(random.int(0, 80));
    if (mode === 'exclusive' && seen.assurance === 'cluster')
      for (const resource of resources)
        if (seen.targets.some(({ path }) => path === resource)) guard.write(resource, id, fence);
  }
  try {
    await client.call('lock.release', { id, agent, fence }, { timeoutMs });
  } catch (error) {
    if (!(error instanceof CollabError) || !error.code.startsWith('LOCK_')) throw error;
  }
}
