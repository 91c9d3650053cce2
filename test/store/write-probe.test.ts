import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WriteProbe } from '../../src/store/write-probe.ts';
import { tempDirectory } from './store-fixture.ts';

const limit = ['prlimit', '--fsize=20000000'] as const;

describe('WriteProbe', () => {
  it('leaves nothing in the directory, and goes on when that is deleted', (t) => {
    const directory = join(tempDirectory(t), 'store');
    mkdirSync(directory);
    writeFileSync(join(directory, 'data.mdb'), 'pages');
    const probe = WriteProbe.open(directory);
    assert.ok(probe);
    probe.check();
    assert.deepEqual(readdirSync(directory), ['data.mdb']);
    rmSync(directory, { recursive: true });
    probe.check();
    probe.close();
    probe.close();
    probe.check();
  });

  it('is not there where no file can be made', (t) => {
    assert.equal(WriteProbe.open(join(tempDirectory(t), 'absent')), undefined);
  });

  const limitsPossible = spawnSync(limit[0], [limit[1], 'true']).status === 0;
  const skip = !limitsPossible && 'no prlimit';
  it('meets a file that may not grow before LMDB does (needs prlimit)', { skip }, (t) => {
    const program = fileURLToPath(new URL('./write-until-refused.ts', import.meta.url));
    const { stdout, stderr, status } = spawnSync(
      limit[0],
      [limit[1], process.execPath, '--import', 'tsx', program, tempDirectory(t)],
      { encoding: 'utf8' },
    );
    assert.deepEqual([status, stderr], [0, '']);
    const { written, error, after } = JSON.parse(stdout) as { written: number; error: string; after: number };
    assert.ok(written > 0);
    assert.match(error, /^STORE_UNAVAILABLE: .*may not grow \(EFBIG\)$/);
    assert.equal(after, written, 'LMDB goes on with what it has');
  });
});
