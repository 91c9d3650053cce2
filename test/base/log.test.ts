import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';

test('a log that cannot be written ends nothing', {
  skip: process.platform !== 'linux' && '/dev/full is a device of Linux',
}, () => {
  const full = openSync('/dev/full', 'w');
  const source = new URL('../../src/base/log.ts', import.meta.url).href;
  const script = `import(${JSON.stringify(source)}).then(({ createLogger }) => { createLogger('info').warn('no room'); console.log('alive'); })`;
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script], {
    stdio: ['ignore', 'pipe', full],
    encoding: 'utf8',
  });
  closeSync(full);
  assert.deepEqual({ stdout, status }, { stdout: 'alive\n', status: 0 });
});
