import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { carryFence, unknownFenceStep } from '../../src/backup/carry-fence.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { DeltaLogWriter, openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { LogView } from '../../src/store/log-view.ts';
import { isCount, type MetaTable } from '../../src/store/meta-table.ts';
import { CliFixture } from '../cli/cli-fixture.ts';
import { scratch } from './backup-fixture.ts';

const node = '12D3KooWKRyzVWW6ChFjQjK4miCty85Niy48tpPV95XdKu1BcvMA' as NodeId;

async function logWith(directory: string, fence: number): Promise<string> {
  const log = await DeltaLogWriter.open(directory, { node });
  log.reserveFences(fence);
  await log.close();
  return directory;
}

async function fenceOf(directory: string): Promise<number> {
  const log = await DeltaLogWriter.open(directory, { node });
  const { fence } = log.headState();
  await log.close();
  return fence;
}

async function inMeta(directory: string, change: (meta: MetaTable) => void): Promise<void> {
  const environment = openDeltaEnvironment(directory, { writer: true });
  const { meta } = new LogView(environment);
  environment.write(() => change(meta));
  await environment.close();
}

async function carried(t: TestContext, from: number, to: number): Promise<number> {
  const base = scratch(t);
  const places = {
    from: await logWith(join(base, 'from'), from),
    to: await logWith(join(base, 'to'), to),
  };
  const before = readFileSync(join(places.from, 'data.mdb'));
  await carryFence({ ...places, scratch: join(base, 'work') });
  assert.deepEqual(readFileSync(join(places.from, 'data.mdb')), before);
  assert.equal(existsSync(join(base, 'work')), false);
  assert.deepEqual(readdirSync(places.to), ['data.mdb']);
  assert.equal(await fenceOf(places.from), from);
  return fenceOf(places.to);
}

describe('carryFence', () => {
  it('raises the fences of a log to those of another, and never lowers them', async (t) => {
    assert.equal(await carried(t, 900, 100), 900);
    assert.equal(await carried(t, 100, 900), 900);
  });

  it('goes far ahead when nobody can tell how far the other log had come', async (t) => {
    const base = scratch(t);
    const to = await logWith(join(base, 'to'), 100);
    const from = await logWith(join(base, 'from'), 900);
    writeFileSync(join(from, 'data.mdb'), 'no LMDB file');
    await carryFence({ from, to, scratch: join(base, 'work') });
    assert.equal(await fenceOf(to), 100 + unknownFenceStep);
    await carryFence({ to, scratch: join(base, 'work') });
    assert.equal(await fenceOf(to), 100 + 2 * unknownFenceStep);
  });

  it('leaves a log alone that is damaged or of a later version', async (t) => {
    const base = scratch(t);
    const from = await logWith(join(base, 'from'), 900);
    const to = await logWith(join(base, 'to'), 100);
    writeFileSync(join(to, 'data.mdb'), 'no LMDB file');
    await carryFence({ from, to, scratch: join(base, 'work') });
    assert.equal(readFileSync(join(to, 'data.mdb'), 'utf8'), 'no LMDB file');

    const later = await logWith(join(base, 'later'), 100);
    await inMeta(later, (meta) => meta.put('schema', 99));
    await carryFence({ from, to: later, scratch: join(base, 'work') });
    let fence: number | undefined;
    await inMeta(later, (meta) => {
      fence = meta.get('fence', isCount);
    });
    assert.equal(fence, 100);
  });
});

describe('after a restore', () => {
  it('no fence is given again that was given since the backup', async (t) => {
    const cli = new CliFixture();
    t.after(() => cli.close());
    const fence = async (): Promise<number> => {
      const claim = ['lock', 'acquire', 'src/login.ts', '-m', 'x', '--agent', 'ann'];
      const { data, error } = await cli.json(claim);
      assert.equal(error, undefined);
      return data.lock.fence;
    };
    const first = await fence();
    const backup = await cli.json(['backup']);
    assert.equal(backup.exit, 0, JSON.stringify(backup.error));
    await cli.json(['daemon', 'restart']);
    await cli.json(['daemon', 'restart']);
    const last = await fence();
    assert(last > first);
    await cli.json(['daemon', 'stop']);
    const restored = await cli.json(['restore', backup.data.name]);
    assert.equal(restored.exit, 0, JSON.stringify(restored.error));
    const next = await fence();
    assert(next > last, `${next} after ${last}`);

    await cli.json(['daemon', 'stop']);
    const data = join(cli.home, 'lmdb', 'delta', 'data.mdb');
    writeFileSync(data, readFileSync(data).fill(0x5a, 4096));
    assert.equal((await cli.json(['restore', backup.data.name])).exit, 0);
    assert((await fence()) > next);
  });
});
