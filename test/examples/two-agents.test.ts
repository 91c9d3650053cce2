import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('../../examples/two-agents.ts', import.meta.url));

test('two agents share this repository, and a kill of the daemon loses nothing', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', example], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /nothing was overwritten, nothing was lost/);
});
