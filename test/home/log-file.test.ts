/** The log of a daemon as a file: its bound, what is lost, and who may write and read at once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LogFile, logFiles } from '../../src/home/log-file.ts';
import { LogTail } from '../../src/home/log-tail.ts';

describe('the file of a log', () => {
  let root: string;
  let path: string;
  const missedLine = (missed: number) => `missed ${missed}\n`;
  const open = (maxBytes = 1000) => new LogFile(path, { maxBytes, missedLine });
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `line ${String(from + at).padStart(6, '0')}`);
  /** All generations, oldest first. */
  const contents = () =>
    [...logFiles(path)]
      .reverse()
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('');
  const lines = () => contents().split('\n').slice(0, -1);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'agent-collab-log-'));
    mkdirSync(join(root, 'logs'));
    path = join(root, 'logs', 'daemon.log');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('never exceeds its bound, and of it only the oldest is dropped', () => {
    const log = open();
    const all = numbered(0, 2000);
    for (const line of all) {
      assert.equal(log.write(`${line}\n`), true);
      for (const file of logFiles(path))
        assert.ok((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= 1000);
    }
    assert.deepEqual(readdirSync(join(root, 'logs')).sort(), [
      'daemon.log',
      'daemon.log.1',
      'daemon.log.2',
      'daemon.log.3',
    ]);
    const kept = lines();
    assert.ok(kept.length > 200, `${kept.length}`);
    assert.deepEqual(kept, all.slice(-kept.length));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    log.close();
  });

  it('takes a line that is longer than the bound, in a file of its own', () => {
    const log = open(100);
    for (const line of ['short', 'x'.repeat(500), 'next']) assert.equal(log.write(`${line}\n`), true);
    assert.deepEqual(
      logFiles(path).map((file) => statSync(file, { throwIfNoEntry: false })?.size),
      [5, 501, 6, undefined],
    );
    log.close();
  });

  it('is made again with its directory when that is removed, but not without the data directory', () => {
    const log = open();
    log.write('one\n');
    rmSync(join(root, 'logs'), { recursive: true });
    assert.equal(log.write('two\n'), true);
    assert.deepEqual(lines(), ['two']);
    renameSync(root, `${root}-moved`);
    assert.equal(log.write('three\n'), false);
    assert.equal(log.write('four\n'), false);
    assert.equal(existsSync(root), false);
    renameSync(`${root}-moved`, root);
    assert.equal(log.write('five\n'), true);
    assert.deepEqual(lines(), ['two', 'missed 2', 'five']);
    log.close();
  });

  it('goes on with a line of its own behind half a line', () => {
    writeFileSync(path, 'whole\nhal');
    const log = open();
    log.write('next\n');
    assert.deepEqual(lines(), ['whole', 'hal', 'next']);
    log.close();
  });

  it('counts what the disk does not take, and tells of it once there is room', () => {
    symlinkSync('/dev/full', path);
    const log = open();
    assert.deepEqual([log.write('a\n'), log.write('b\n')], [false, false]);
    rmSync(path);
    assert.equal(log.write('c\n'), true);
    assert.deepEqual(lines(), ['missed 2', 'c']);
    log.close();
  });

  it('goes up to twice its bound while it cannot be rotated, and no further', () => {
    const log = open();
    // A directory that is not empty stands where the first generation belongs.
    mkdirSync(join(`${path}.1`, 'x'), { recursive: true });
    mkdirSync(join(`${path}.2`, 'x'), { recursive: true });
    const written = numbered(0, 1000).filter((line) => log.write(`${line}\n`)).length;
    assert.ok(written > 100 && statSync(path).size <= 2000, `${written} ${statSync(path).size}`);
    rmSync(`${path}.2`, { recursive: true });
    assert.equal(log.write('after\n'), true);
    assert.deepEqual(readFileSync(path, 'utf8'), `missed ${1000 - written}\nafter\n`);
    log.close();
  });

  it('is written by several processes at once without a line lost, torn or doubled, while a reader misses none', async () => {
    const source = new URL('../../src/home/log-file.ts', import.meta.url).href;
    const script = `
      const { LogFile } = await import(${JSON.stringify(source)});
      const log = new LogFile(${JSON.stringify(path)}, { maxBytes: 40_000, missedLine: (n) => 'missed ' + n + '\\n' });
      process.stdin.once('data', () => {
        for (let at = 0; at < 4000; at++) log.write(process.argv[1] + ' ' + String(at).padStart(6, '0') + '\\n');
        process.exit(0);
      });
      process.stdout.write('ready');`;
    const writers = ['a', 'b', 'c'].map((name) =>
      spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, name], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(writers.map((child) => once(child.stdout, 'data')));
    const tail = new LogTail(logFiles(path));
    const seen: string[] = [...tail.backlog(false)];
    let running = writers.length;
    const ends = Promise.all(
      writers.map(async (child) => {
        const end = once(child, 'exit');
        child.stdin.end('go');
        await end;
        running -= 1;
      }),
    );
    while (running > 0) {
      seen.push(...tail.poll());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ends;
    seen.push(...tail.poll(), ...tail.poll());
    tail.close();
    for (const name of ['a', 'b', 'c']) {
      const own = seen.filter((line) => line.startsWith(name));
      assert.deepEqual(own.length, new Set(own).size, `${name}: a line twice`);
      assert.deepEqual(
        [...own].sort(),
        numbered(0, 4000).map((line) => line.replace('line', name)),
      );
    }
    assert.equal(seen.length, 12_000);
    // What is kept is whole, and nothing is in it twice.
    const kept = lines();
    assert.ok(kept.every((line) => /^[abc] \d{6}$/.test(line)));
    assert.equal(new Set(kept).size, kept.length);
    assert.ok(contents().length <= 4 * 80_000);
  });
});

describe('a reader of a log', () => {
  let root: string;
  let path: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'agent-collab-tail-'));
    path = join(root, 'daemon.log');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const open = () => new LogTail(logFiles(path));

  it('gives what is there, newest first, over all generations', () => {
    writeFileSync(`${path}.2`, 'a\nb\n');
    writeFileSync(`${path}.1`, 'c\nd');
    writeFileSync(path, 'e\nf\nhalf');
    const tail = open();
    assert.deepEqual([...tail.backlog(true)], ['half', 'f', 'e', 'd', 'c', 'b', 'a']);
    tail.close();
  });

  it('waits for the end of a line, and follows over rotations, a cut and a removed directory', () => {
    const tail = open();
    assert.deepEqual([...tail.backlog(false)], []);
    assert.deepEqual(tail.poll(), []);
    writeFileSync(path, 'one\ntw');
    assert.deepEqual(tail.poll(), ['one']);
    appendFileSync(path, 'o\nthree\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'four\n');
    renameSync(`${path}.1`, `${path}.2`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'five\n');
    assert.deepEqual(tail.poll(), ['two', 'three', 'four', 'five']);
    // A writer that had the file open before it was moved.
    appendFileSync(`${path}.2`, 'late\n');
    assert.deepEqual(tail.poll(), ['late']);
    writeFileSync(path, 'six\n');
    assert.deepEqual(tail.poll(), ['six'], 'it was cut off and written anew');
    rmSync(root, { recursive: true });
    assert.deepEqual(tail.poll(), []);
    mkdirSync(root);
    writeFileSync(path, 'eight\n');
    assert.deepEqual(tail.poll(), ['eight']);
    tail.close();
  });

  it('does not show old generations again when the file is moved elsewhere', () => {
    writeFileSync(`${path}.1`, 'old\n');
    writeFileSync(path, 'one\n');
    const tail = open();
    assert.deepEqual([...tail.backlog(false)], ['one', 'old']);
    appendFileSync(path, 'two\n');
    renameSync(path, join(root, 'elsewhere'));
    writeFileSync(path, 'three\n');
    assert.deepEqual(tail.poll(), ['two', 'three']);
    tail.close();
  });

  it('bounds lines without an end, and reads on behind them', () => {
    writeFileSync(path, Buffer.concat([Buffer.alloc(3_000_000), Buffer.from('\nafter\n')]));
    const tail = open();
    const [after, zeros, ...rest] = [...tail.backlog(false)];
    assert.deepEqual([after, rest], ['after', []]);
    assert.ok((zeros?.length ?? 0) <= 256 * 1024 + 1);
    tail.close();
  });

  it('takes the end of a file that is far too long', () => {
    writeFileSync(path, 'x'.repeat(99).concat('\n').repeat(200_000));
    const tail = open();
    const lines = [...tail.backlog(false)];
    assert.ok(lines.length > 160_000 && lines.length < 170_000, `${lines.length}`);
    assert.ok(lines.every((line) => line.length === 99));
    tail.close();
  });

  it('says when a file may not be read (needs a user other than root)', (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read everything');
    writeFileSync(path, 'one\n');
    chmodSync(path, 0);
    assert.throws(() => [...open().backlog(false)], { code: 'EACCES' });
  });
});
