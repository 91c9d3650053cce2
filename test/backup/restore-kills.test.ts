import assert from 'node:assert/strict';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createBackup } from '../../src/backup/backup.ts';
import { finishInterruptedRestore, restoreBackup, takeOwnerLock } from '../../src/backup/restore.ts';
import type { CliFixture } from '../cli/cli-fixture.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { contentsOf } from './backup-fixture.ts';
import { awkwardProgram, killedAt } from './kill-fixture.ts';
import { assertRestored, assertUntouched, type TwoStates } from './restore-fixture.ts';

/** In the order in which a restore passes them; before the journal is written nothing has changed. */
const beforeJournal = ['restore.staging@9', 'restore.staged'];
const fromJournalOn = [
  'restore.journaled',
  'restore.moving-out@5',
  'restore.out',
  'restore.moving-in@5',
  'restore.in',
  'restore.settled',
  'restore.archiving',
  'restore.archived',
  'restore.cleaned',
];
const acrossFileSystems = ['restore.archive-copying@9', 'restore.archive-copied'];

/** As the next start of a daemon does. */
async function finish(home: string): Promise<string | undefined> {
  const owner = await takeOwnerLock(home);
  try {
    return (await finishInterruptedRestore(home))?.text;
  } finally {
    await owner.close();
  }
}

async function restoreAgain(home: string): Promise<boolean> {
  return (await restoreBackup({ home, name: 'first', reason: 'restore' })).resumed;
}

describe('a restore that is killed', () => {
  for (const place of beforeJournal) {
    it(`at ${place} has changed nothing, and runs again to its end`, async (t) => {
      const { program, states } = await awkwardProgram(t);
      await killedAt(program, ['restore', 'first'], place);
      assert.deepEqual(await contentsOf(states.home, ['daemon.lock', '.restoring']), states.old);
      assert.equal(await finish(states.home), undefined);
      await assertUntouched(states);
      assert.equal(await restoreAgain(states.home), false);
      await assertRestored(states);
    });
  }

  fromJournalOn.forEach((place, number) => {
    const byTheDaemon = number % 2 === 0;
    it(`at ${place} is finished by the next ${byTheDaemon ? 'start' : 'restore'}`, async (t) => {
      const { program, states } = await awkwardProgram(t);
      await killedAt(program, ['restore', 'first'], place);
      assert.equal(existsSync(join(states.home, 'restore.json')), true);
      if (byTheDaemon) assert.match((await finish(states.home)) ?? '', /interrupted and was finished/);
      else assert.equal(await restoreAgain(states.home), true);
      await assertRestored(states);
      assert.equal(await finish(states.home), undefined);
    });
  });

  it('at restore.done has done everything', async (t) => {
    const { program, states } = await awkwardProgram(t);
    await killedAt(program, ['restore', 'first'], 'restore.done');
    await assertRestored(states);
    assert.equal(await finish(states.home), undefined);
  });

  it('and killed again on its way to the end, wherever, ends the same', async (t) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const { program, states } = await awkwardProgram(t);
    for (let at = 0; at < fromJournalOn.length; at = random.int(at + 1, fromJournalOn.length + 2)) {
      const place = fromJournalOn[at]?.replace('@5', `@${random.int(1, 5)}`) ?? '';
      t.diagnostic(place);
      await killedAt(program, ['restore', 'first'], place);
    }
    await finish(states.home);
    await assertRestored(states);
  });
});

const sharedMemory = '/dev/shm';
const noOther = !existsSync(sharedMemory) && `there is no ${sharedMemory}`;

describe('a restore with backups/ on another file system (needs /dev/shm) that is killed', {
  skip: noOther,
}, () => {
  /** `backups` as a link to another disk. */
  async function onAnotherDisk(t: TestContext, program: CliFixture): Promise<void> {
    const disk = await mkdtemp(join(sharedMemory, 'agent-collab-'));
    t.after(() => rmSync(disk, { recursive: true, force: true }));
    const link = join(program.home, 'backups');
    rmSync(link, { recursive: true });
    symlinkSync(disk, link);
  }

  for (const place of acrossFileSystems) {
    it(`at ${place} leaves one whole backup of what was there`, async (t) => {
      const { program, states } = await awkwardProgram(t);
      const { home, old } = states;
      await onAnotherDisk(t, program);
      // The state before is the one to be kept this time, and what is restored is the same.
      await createBackup({ home, reason: 'before-migration', lmdb: 'copy-files', name: 'first' });
      const same: TwoStates = { home, wanted: old, old };
      await killedAt(program, ['restore', 'first'], place);
      if (place.endsWith('@9')) await killedAt(program, ['restore', 'first'], place);
      await finish(home);
      await assertRestored(same);
    });
  }
});
