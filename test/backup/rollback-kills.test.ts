import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { contentsOf, runTask } from './backup-fixture.ts';
import { twoStates } from './restore-fixture.ts';

describe('a rollback that is killed', () => {
  for (const place of ['restore.moving-out@3', 'restore.settled', 'restore.cleaned']) {
    it(`at ${place} runs again to exactly what the manifest says`, async (t) => {
      const states = await twoStates(t);
      const task = { what: 'rollback', home: states.home, name: 'first' };
      const [name, pass = '1'] = place.split('@');
      assert.equal((await runTask(task, `${name}=kill@${pass}`)).signal, 'SIGKILL');
      // Somebody tries to start a daemon meanwhile, and a log of it appears.
      mkdirSync(join(states.home, 'logs'), { recursive: true });
      const { answer } = await runTask(task);
      assert.match(JSON.stringify(answer), /"resumed":true/);
      assert.deepEqual(await contentsOf(states.home), states.wanted);
    });
  }
});
