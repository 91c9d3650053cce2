/** Clients that die: a lease must end with its time, a claim in line with its client (G7). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { argumentsOf, programEnvironment } from './daemon-process.ts';
import { askerOf } from './lane-scenarios.ts';
import { leaseOutlivesItsHolderByItsTtl } from './lease-checks.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import { acquire } from './workload.ts';

/** Long enough for the waiter to get in line on a busy machine. */
const ttlMs = 3000;
const path = 'src/held.ts';

const holderDies: Scenario = {
  name: 'holder-dies',
  about:
    'the holder of a lock is killed, and so is who waits for it first: the next in line gets it when the lease is over (G7)',
  async run(round) {
    const daemon = await round.startReady();
    const beforeMs = performance.now();
    const holder = await ended(client(round, ['--agent', 'holder', '--ttl', `${ttlMs}ms`]));
    const deadMs = performance.now();
    if (holder.exitCode !== 0) round.problems.push(`lock acquire ended with exit code ${holder.exitCode}`);
    const asker = askerOf(round, daemon, 'successor');
    const waiter = client(round, ['--agent', 'waiter', '--ttl', `${ttlMs}ms`, '--wait', '30s']);
    const isWaiting = async () => (await asker.client.call('status', {})).data.locks.waiting > 0;
    let waits = false;
    while (waiter.exitCode === null && !waits) waits = await isWaiting();
    if (waits) {
      const granted = waitFor(round, asker);
      waiter.kill('SIGKILL');
      await ended(waiter);
      round.countKill();
      await granted;
      const succession = { ttlMs, lastRenewalMs: beforeMs, deadMs, grantedMs: performance.now() };
      round.problems.push(...leaseOutlivesItsHolderByItsTtl(succession));
    } else if (performance.now() < beforeMs + ttlMs) {
      const heldMs = Math.round(performance.now() - beforeMs);
      round.problems.push(
        `G7: the lease of ${ttlMs} ms was over within ${heldMs} ms: nobody had to wait for it`,
      );
    } else round.notes.push('the machine is too busy: the lease was over before the waiter was in line');
    asker.client.close();
    await round.workUntil(daemon, 20, () => daemon.kill());
    await round.finish();
  },
};

async function ended(process: ChildProcess): Promise<ChildProcess> {
  if (process.exitCode === null && process.signalCode === null) await once(process, 'close');
  return process;
}

/** In line behind the waiter that dies. */
async function waitFor(round: Round, asker: ReturnType<typeof askerOf>): Promise<void> {
  const lock = await acquire(asker, path, `succession ${round.life}`, { waitMs: 15_000, ttlMs: 60_000 });
  if (lock === undefined) round.problems.push('G7: the next in line was denied the lock of a dead holder');
}

function client(round: Round, options: readonly string[]): ChildProcess {
  const words = [...argumentsOf(round.program), 'lock', 'acquire', path, '-m', 'about to die', ...options];
  return spawn(process.execPath, words, {
    cwd: round.cwd,
    env: programEnvironment(round.home),
    stdio: 'ignore',
  });
}

export const holderScenarios: readonly Scenario[] = [holderDies];
