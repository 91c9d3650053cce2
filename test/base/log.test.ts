import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { test } from 'node:test';

test('a log that cannot be written ends nothing', () => {
  // Opened for reading alone: each write to it fails, as on a disk that is full.
  const unwritable = openSync(devNull, 'r');
  const source = new URL('../../src/base/log.ts', import.meta.url).href;
  const script = `import(${JSON.stringify(source)}).then(({ createLogger }) => { createLogger('info').warn('no room'); console.log('alive'); })`;
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script], {
    stdio: ['ignore', 'pipe', unwritable],
    encoding: 'utf8',
  });
  closeSync(unwritable);
  assert.deepEqual({ stdout, status }, { stdout: 'alive\n', status: 0 });
});
