import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { CollabError } from '../../src/base/errors.ts';
import { type Environment, openEnvironment } from '../../src/store/environment.ts';
import { storeError } from '../../src/store/store-error.ts';
import { hasCode } from './contract-fixture.ts';
import { tempDirectory } from './store-fixture.ts';

const flush = { durability: 'flush' } as const;
const one = Buffer.from('1');

function filled(directory: string): Environment {
  const environment = openEnvironment(directory, flush);
  const table = environment.table('t');
  environment.write(() => {
    for (let i = 0; i < 100; i++) table.put(Buffer.from(`k${i}`), Buffer.alloc(3000, i + 1));
  });
  return environment;
}

describe('an environment', () => {
  it('writes nothing of a transaction that throws', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    environment.write(() => table.put(one, Buffer.from('kept')));
    assert.throws(
      () =>
        environment.write(() => {
          table.put(one, Buffer.from('lost'));
          table.put(Buffer.from('2'), one);
          throw new Error('stop');
        }),
      /stop/,
    );
    assert.deepEqual(
      [table.get(one)?.toString(), table.has(Buffer.from('2')), table.count()],
      ['kept', false, 1],
    );
    await environment.close();
  });

  it('keeps values of every size up to 2 MiB apart from each other', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    const sizes = [0, 1, 100, 2000, 2040, 4096, 20_000, 40_000, 262_144, 2 * 1024 * 1024];
    const value = (size: number) => Buffer.alloc(size, size % 251);
    environment.write(() => {
      for (const size of sizes) table.put(Buffer.from(`k${size}`), value(size));
    });
    const read = sizes.map((size) => table.get(Buffer.from(`k${size}`)));
    sizes.forEach((size, i) => {
      assert.ok(read[i]?.equals(value(size)), `get ${size}`);
    });
    const entries = [...table.entries()];
    for (const { key, value: found } of entries)
      assert.ok(found.equals(value(Number(key.toString().slice(1)))), `entries ${key}`);
    assert.equal(entries.length, sizes.length);
    await environment.close();
  });

  it('walks ranges both ways: from inclusive, to exclusive', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    environment.write(() => {
      for (const name of ['a', 'b', 'c', 'd']) table.put(Buffer.from(name), Buffer.from(name));
    });
    const names = (range: Parameters<typeof table.keys>[0]) => [...table.keys(range)].join('');
    const [b, d] = [Buffer.from('b'), Buffer.from('d')];
    assert.equal(names({}), 'abcd');
    assert.equal(names({ reverse: true }), 'dcba');
    assert.equal(names({ from: b, to: d }), 'bc');
    assert.equal(names({ from: b, to: d, reverse: true }), 'cb');
    assert.equal(names({ from: Buffer.from('bb'), to: Buffer.from('cc'), reverse: true }), 'c');
    assert.equal(names({ from: Buffer.from('x') }), '');
    assert.equal(names({ to: Buffer.from('x'), reverse: true }), 'dcba');
    await environment.close();
  });

  it('refuses an append that is not above the last key', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    environment.write(() => table.append(Buffer.from('b'), one));
    assert.throws(() => environment.write(() => table.append(Buffer.from('a'), one)), /not above the last/);
    assert.throws(() => environment.write(() => table.append(Buffer.from('b'), one)), /not above the last/);
    assert.equal(table.count(), 1);
    await environment.close();
  });

  it('refuses a value in shared memory, which would kill the process', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    const shared = Buffer.from(new SharedArrayBuffer(8));
    assert.throws(() => environment.write(() => table.put(one, shared)), /shared memory/);
    await environment.close();
  });

  it('shows what another thread commits after a refresh, and not before', async (t) => {
    const directory = tempDirectory(t);
    const environment = openEnvironment(directory, flush);
    const table = environment.table('numbers');
    const rounds = 50;
    const signal = new Int32Array(new SharedArrayBuffer(8));
    // By way of tsx's API: a worker does not inherit the hooks of --import tsx on Node 20.
    const file = new URL('./environment-writer.ts', import.meta.url).href;
    const boot = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
    const worker = new Worker(boot, { eval: true, workerData: { directory, signal, rounds } });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    environment.refresh();
    assert.equal(table.get(Buffer.from('n')), undefined);
    // From here on without a turn of the event loop, as a lane runs.
    for (let round = 1; round <= rounds; round++) {
      const before = table.get(Buffer.from('n'))?.[0];
      Atomics.store(signal, 1, round);
      Atomics.notify(signal, 1);
      Atomics.wait(signal, 0, round - 1, 10_000);
      assert.equal(table.get(Buffer.from('n'))?.[0], before, 'the old snapshot stays');
      environment.refresh();
      assert.equal(table.get(Buffer.from('n'))?.[0], round, 'the new one shows the commit');
    }
    assert.equal(await ended, 0);
    // The other thread has closed its handle: ours goes on.
    environment.refresh();
    assert.equal(table.get(Buffer.from('n'))?.[0], rounds);
    await environment.close();
  });

  it('arms timers that wait for the event loop, which is why a lane lets it turn now and then', async (t) => {
    const environment = openEnvironment(tempDirectory(t), flush);
    const table = environment.table('t');
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 100; i++) {
      environment.refresh();
      table.get(one);
    }
    assert.ok(timers() >= before + 100, 'a version without this needs no turns in lanes any more');
    await environment.close();
  });

  it('survives a close with a reader half-way, and refuses what comes after', async (t) => {
    const directory = tempDirectory(t);
    const [first, second] = [openEnvironment(directory, flush), openEnvironment(directory, flush)];
    const [written, read] = [first.table('t'), second.table('t')];
    first.write(() => {
      for (let i = 0; i < 100; i++) written.put(Buffer.of(1, i), Buffer.of(i));
    });
    second.refresh();
    const walk = read.entries()[Symbol.iterator]();
    assert.equal(walk.next().value?.value[0], 0);
    await first.close();
    await first.close();
    assert.equal(walk.next().value?.value[0], 1);
    walk.return?.();
    assert.throws(() => first.write(() => undefined), hasCode('STORE_CLOSED'));
    assert.throws(() => written.get(one), hasCode('STORE_CLOSED'));
    assert.throws(() => first.refresh(), hasCode('STORE_CLOSED'));
    assert.throws(() => first.tryTable('x'), hasCode('STORE_CLOSED'));
    assert.equal(read.count(), 100);
    await second.close();
  });

  it('copies itself compactly while it is in use', async (t) => {
    const directory = tempDirectory(t);
    const environment = openEnvironment(join(directory, 'a'), flush);
    const table = environment.table('t');
    environment.write(() => {
      for (let i = 0; i < 2000; i++) table.put(Buffer.from(`k${i}`), Buffer.alloc(500, i % 7));
    });
    environment.write(() => {
      for (let i = 0; i < 1900; i++) table.remove(Buffer.from(`k${i}`));
    });
    await environment.copyTo(join(directory, 'b'), true);
    const copy = openEnvironment(join(directory, 'b'), { ...flush, readOnly: true });
    assert.equal(copy.table('t').count(), 100);
    assert.ok(copy.diskBytes() < environment.diskBytes() / 4);
    await copy.close();
    await environment.close();
  });

  it('makes files for their owner alone', async (t) => {
    const directory = join(tempDirectory(t), 'new');
    await openEnvironment(directory, flush).close();
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.equal(statSync(join(directory, 'data.mdb')).mode & 0o077, 0);
  });
});

describe('an environment that cannot be opened', () => {
  it('is STORE_DAMAGED when the file is no LMDB file', (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'data.mdb'), Buffer.alloc(8192, 0x5a));
    assert.throws(() => openEnvironment(directory, flush), hasCode('STORE_DAMAGED'));
  });

  it('is STORE_DAMAGED when a meta page is cut, zeroed or of another format', async (t) => {
    const directory = tempDirectory(t);
    await filled(directory).close();
    const file = join(directory, 'data.mdb');
    const whole = readFileSync(file);
    const broken = (change: (bytes: Buffer) => Buffer) => {
      writeFileSync(file, change(Buffer.from(whole)));
      assert.throws(() => openEnvironment(directory, flush), hasCode('STORE_DAMAGED'));
    };
    broken((bytes) => bytes.subarray(0, 100));
    broken((bytes) => bytes.subarray(0, 4100));
    broken((bytes) => bytes.fill(0, 0, 4096));
    broken((bytes) => bytes.fill(0, 4096, 8192));
    for (const [offset, value] of [
      [28, 9],
      [48, 1000],
      [150, 0xff],
    ] as const) {
      broken((bytes) => {
        bytes[offset] = value;
        return bytes;
      });
    }
    writeFileSync(file, whole);
    await openEnvironment(directory, flush).close();
  });

  it('is opened for its writer when it was cut, and what is lost fails a check instead of killing the process', async (t) => {
    const directory = tempDirectory(t);
    await filled(directory).close();
    const file = join(directory, 'data.mdb');
    truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096);
    assert.throws(() => openEnvironment(directory, { ...flush, readOnly: true }), hasCode('STORE_DAMAGED'));
    const environment = openEnvironment(directory, { ...flush, writer: true });
    const found = { whole: 0, lost: 0 };
    try {
      const table = environment.table('t');
      for (let i = 0; i < 100; i++) {
        const value = table.get(Buffer.from(`k${i}`));
        found[value?.equals(Buffer.alloc(3000, i + 1)) === true ? 'whole' : 'lost']++;
      }
    } catch (error) {
      hasCode('STORE_DAMAGED')(error);
      found.lost++;
    }
    assert.ok(found.lost > 0);
    await environment.close();
  });

  it('is STORE_UNAVAILABLE when a file is in the way', (t) => {
    const file = join(tempDirectory(t), 'file');
    writeFileSync(file, 'x');
    assert.throws(() => openEnvironment(file, flush), hasCode('STORE_UNAVAILABLE'));
    assert.throws(() => openEnvironment(join(file, 'below'), flush), hasCode('STORE_UNAVAILABLE'));
  });

  it('creates nothing when it is opened read-only', (t) => {
    const directory = join(tempDirectory(t), 'none');
    assert.throws(() => openEnvironment(directory, { ...flush, readOnly: true }), CollabError);
    assert.equal(existsSync(join(directory, 'data.mdb')), false);
  });

  it('refuses to write when it was opened read-only, and says which table is missing', async (t) => {
    const directory = tempDirectory(t);
    await openEnvironment(directory, flush).close();
    const environment = openEnvironment(directory, { ...flush, readOnly: true });
    assert.throws(() => environment.write(() => undefined), hasCode('STORE_READ_ONLY'));
    assert.throws(() => environment.table('t'), hasCode('STORE_DAMAGED'));
    await environment.close();
  });

  it('is STORE_UNAVAILABLE when access is denied', (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read everything');
    const directory = join(tempDirectory(t), 'closed');
    mkdirSync(directory);
    chmodSync(directory, 0o000);
    assert.throws(() => openEnvironment(directory, flush), hasCode('STORE_UNAVAILABLE'));
    chmodSync(directory, 0o700);
  });
});

describe('storeError', () => {
  it('maps what LMDB and the system say, with a next step', () => {
    const expected = [
      [-30792, 'STORE_UNAVAILABLE'],
      [28, 'STORE_UNAVAILABLE'],
      ['EROFS', 'STORE_UNAVAILABLE'],
      [5, 'STORE_UNAVAILABLE'],
      [13, 'STORE_UNAVAILABLE'],
      [-30796, 'STORE_DAMAGED'],
      [-30793, 'STORE_DAMAGED'],
      [-30794, 'STORE_DAMAGED'],
      [-1, 'STORE_UNAVAILABLE'],
    ] as const;
    for (const [code, ours] of expected) {
      const mapped = storeError(Object.assign(new Error('native'), { code }), '/d');
      assert.ok(mapped instanceof CollabError);
      assert.equal(mapped.code, ours, String(code));
      assert.ok(mapped.next);
      assert.equal((mapped.cause as Error).message, 'native');
    }
  });

  it('knows by its number what Node has no name for', () => {
    const error = Object.assign(new Error('x'), { code: 'Unknown system error -122', errno: -122 });
    assert.match(String(storeError(error, '/d')), /quota is used up \(EDQUOT\)/);
  });

  it('leaves our own errors and defects as they are', () => {
    const ours = new CollabError('SEQ_GAP', 'x');
    const defect = new TypeError('x is not a function');
    assert.equal(storeError(ours, '/d'), ours);
    assert.equal(storeError(defect, '/d'), defect);
  });
});
