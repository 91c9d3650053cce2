/** A file of a stopped daemon that is cut short or altered: the next start tells and repairs, or serves what is undamaged (G9). */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CollabError } from '../src/base/errors.ts';
import { maxQueryLimit } from '../src/base/limits.ts';
import { storeNames } from '../src/store/store-copy.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { presentFailpoints } from './failpoints.ts';
import { done, killCommand, shareMany, turns } from './killing.ts';
import { askerOf } from './lane-scenarios.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import { acquire, describe, endLock, shareText } from './workload.ts';

const pageBytes = 4096;
/** Of LMDB: the file's head, twice. */
const metaPages = 2;
const kinds = ['flip', 'zero', 'cut'] as const;

/** Damages one store of a stopped daemon at a place that the seed draws. */
function damage(round: Round, store: (typeof storeNames)[number], kind: (typeof kinds)[number]): void {
  const fd = openSync(join(round.home, 'lmdb', store, 'data.mdb'), 'r+');
  try {
    const { size } = fstatSync(fd);
    // The head too, now and then; it has a copy.
    const first = round.random.chance(0.1) ? 0 : metaPages * pageBytes;
    const at = round.random.int(first, size - 1);
    if (kind === 'cut') ftruncateSync(fd, Math.max(at, metaPages * pageBytes));
    else if (kind === 'zero') {
      const page = at - (at % pageBytes);
      writeSync(fd, Buffer.alloc(pageBytes), 0, pageBytes, page);
    } else {
      const byte = Buffer.alloc(1);
      readSync(fd, byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ (1 << round.random.int(0, 7));
      writeSync(fd, byte, 0, 1, at);
    }
    round.history.damaged = kind === 'cut' ? 'end' : 'page';
    round.notes.push(`${kind} of ${store} at ${at} of ${size}`);
  } finally {
    closeSync(fd);
  }
}

/** Some pages of each store, written by a daemon that ended in order or not. */
async function writeStores(round: Round): Promise<void> {
  const daemon = await round.startReady();
  await round.workFor(daemon, 40);
  await shareMany(round, daemon, 150);
  if (round.random.chance(0.5)) await round.stop(daemon);
  else await round.workUntil(daemon, 10, () => daemon.kill());
}

function drawDamage(round: Round): void {
  const { seed } = round;
  const store = storeNames[seed % storeNames.length] ?? 'delta';
  damage(round, store, kinds[Math.floor(seed / storeNames.length) % kinds.length] ?? 'flip');
}

const damagedFile: Scenario = {
  name: 'damaged-file',
  about:
    'a store of a stopped daemon is cut short, or a page of it altered: the next start serves, locks work, no answer is wrong, and what a repair gives up is counted (G9)',
  async run(round) {
    await writeStores(round);
    drawDamage(round);
    const daemon = await round.startReady();
    await serves(round, daemon);
    const { repaired } = await done(round, ['verify', '--repair']);
    round.notes.push(`repaired: ${JSON.stringify(repaired)}`);
    await round.check(daemon);
    await round.workFor(daemon, 20);
    await round.stop(daemon);
    await round.finish();
  },
};

/** Locks work, deltas are taken or refused in clear words, and what is read is what was written. */
async function serves(round: Round, daemon: DaemonProcess): Promise<void> {
  const asker = { ...askerOf(round, daemon, 'prober'), timeoutMs: 5000 };
  const lock = await acquire(asker, 'probe.ts', `probe ${round.life}`);
  if (lock === undefined) round.problems.push('G9: a free lock was denied beside a damaged store');
  else await endLock(asker, lock, 'released');
  try {
    await shareText(asker, { path: 'probe.ts', content: `probe ${round.life}`, durability: 'flushed' });
  } catch (error) {
    if (!(error instanceof CollabError) || !error.code.startsWith('STORE_') || error.next === undefined)
      round.problems.push(`G9: a share beside a damaged store: ${describe(error)}`);
  }
  try {
    const { data } = await asker.client.call('log', { limit: maxQueryLimit });
    const written = new Map(round.history.acknowledged.map(({ id, content }) => [id, content]));
    for (const { id, payload } of data.deltas) {
      const content = written.get(id);
      if (content !== undefined && content !== payload.content)
        round.problems.push(`G9: ${id} reads "${payload.content}", "${content}" was written`);
    }
  } catch (error) {
    if (!(error instanceof CollabError) || error.code !== 'STORE_DAMAGED' || error.next === undefined)
      round.problems.push(`G9: the log of a damaged store: ${describe(error)}`);
  }
  asker.client.close();
}

const killInRepair: Scenario = {
  name: 'kill-in-repair',
  about:
    'a repair is killed, at a named place or a drawn moment, by hand or at a start: the store is the damaged or the repaired one, and the next repair is done (G5, G9)',
  async run(round) {
    await writeStores(round);
    drawDamage(round);
    const [place = 'drawn'] = turns(
      [...presentFailpoints(round.program, ['repair.']), 'drawn'],
      round.seed,
      1,
    );
    if (place === 'drawn') {
      await killCommand(round, ['verify', '--repair'], { afterMs: round.random.int(100, 800) });
    } else await killRepairProcess(round, place);
    const { sound } = await done(round, ['verify', '--repair']);
    if (sound !== true) round.problems.push('G9: the stores are not sound after the repair ran again');
    await round.finish();
  },
};

/** A start repairs what it cannot serve with, in a process that inherits what is armed; a flipped record it leaves to `verify`. */
async function killRepairProcess(round: Round, place: string): Promise<void> {
  if (round.random.chance(0.5)) {
    const { error } = await killCommand(round, ['verify', '--repair'], { place, pass: 1 });
    if (error === undefined) return;
    round.countKill();
    if (error.code !== 'STORE_UNAVAILABLE' || error.next === undefined)
      round.problems.push(`G9: a repair whose process was killed ended with ${JSON.stringify(error)}`);
    return;
  }
  const daemon = round.start({ failpoints: `${place}=kill` });
  const ready = await daemon.ready().then(
    () => true,
    () => false,
  );
  round.notes.push(`a start with ${place}=kill ${ready ? 'serves' : `ended with ${daemon.ending}`}`);
  if (ready) await round.workUntil(daemon, 5, () => daemon.kill());
  else {
    if (daemon.ending !== 'exit code 5' || !daemon.stderr.includes('next:'))
      round.problems.push(
        `G9: a start whose repair was killed ended with ${daemon.ending}: ${daemon.stderr}`,
      );
    daemon.kill();
    await round.ended(daemon);
  }
}

export const damageScenarios: readonly Scenario[] = [damagedFile, killInRepair];
