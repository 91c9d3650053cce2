import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBackup, verifyBackup } from '../../src/backup/backup.ts';
import { listBackups } from '../../src/backup/list-backups.ts';
import { awkwardProgram } from './kill-fixture.ts';
import { stateOf } from './restore-fixture.ts';

/** In the order in which a backup passes them. From the manifest on it is one. */
const places = [
  'backup.reserved',
  'backup.copying@1',
  'backup.copying@9',
  'backup.copied',
  'backup.stores',
  'backup.settled',
  'backup.checked',
  'backup.written',
];

describe('a backup whose process is killed', () => {
  for (const place of places) {
    it(`at ${place} is whole or none, changes nothing, and leaves nothing behind the next one`, async (t) => {
      const { program, states } = await awkwardProgram(t);
      const { home, old } = states;
      const [name, pass = '1'] = place.split('@');
      // The variable reaches the process that copies; the command that started it lives, and says what happened.
      const env = { AGENT_COLLAB_FAILPOINTS: `${name}=kill@${pass}` };
      const { error, exit } = await program.json(['backup'], { env });
      assert.deepEqual([error?.code, exit], ['STORE_UNAVAILABLE', 5]);
      assert.match(error?.message ?? '', /SIGKILL/);
      assert.deepEqual(await stateOf(home), old);
      const isWhole = place === 'backup.written';
      const [newest] = (await listBackups(home)).filter((one) => one.name !== 'first');
      assert.equal(newest?.state, isWhole ? 'complete' : 'incomplete');
      await createBackup({ home, reason: 'manual', lmdb: 'copy-files' });
      const after = await listBackups(home);
      assert.equal(after.length, isWhole ? 3 : 2);
      for (const one of after) {
        assert.equal(one.state, 'complete');
        assert.equal((await verifyBackup(one.directory)).sound, true);
        assert.deepEqual(readdirSync(join(home, 'backups', one.name)).sort(), ['files', 'manifest.json']);
      }
      assert.deepEqual(await stateOf(home), old);
    });
  }
});
