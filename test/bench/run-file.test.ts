import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Run } from '../../bench/harness/report.ts';
import { RunFileError, readResults } from '../../bench/harness/run-file.ts';
import { tempDirectory } from '../store/store-fixture.ts';

const root = new URL('../../', import.meta.url);

function bench(...flags: readonly string[]) {
  const args = ['--import', 'tsx', 'bench/main.ts', '--smoke', ...flags];
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
}

it('a run of some benches renews these in the file, and leaves the others of their own commit', (t) => {
  const directory = tempDirectory(t);
  const file = join(directory, 'run.json');
  const { results } = JSON.parse(readFileSync(new URL('bench/results.json', root), 'utf8')) as Run;
  const older = results
    .filter(({ bench }) => ['lock-table', 'queue-push'].includes(bench))
    .map((result) => ({ ...result, machine: { ...result.machine, commit: 'older' } }));
  writeFileSync(file, JSON.stringify({ smoke: true, results: older.toReversed() } satisfies Run));
  const { status, stderr } = bench('--only', 'lock-table', '--json', file);
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    readResults(file, true).map((result) => [result.bench, result.machine.commit === 'older']),
    [
      ['lock-table', false],
      ['queue-push', true],
    ],
  );
  assert.deepEqual(readResults(file, true)[1], older[1]);
  assert.deepEqual(readdirSync(directory), ['run.json']);
});

it('a file of something else is refused and left as it is', (t) => {
  const file = join(tempDirectory(t), 'run.json');
  assert.deepEqual(readResults(file, true), []);
  for (const text of ['', 'null', '{"smoke":true}', '[1', '{"smoke":false,"results":[]}']) {
    writeFileSync(file, text);
    assert.throws(() => readResults(file, true), RunFileError);
  }
  const { status, stderr } = bench('--only', 'lock-table', '--json', file);
  assert.equal(status, 2);
  assert.match(stderr, /run\.json has no smoke figures/);
  assert.equal(readFileSync(file, 'utf8'), '{"smoke":false,"results":[]}');
});
