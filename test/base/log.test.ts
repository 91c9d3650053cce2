import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { describe, it } from 'node:test';
import { createLogger, type LogFields } from '../../src/base/log.ts';
import type { Redaction } from '../../src/base/plain-value.ts';

describe('a line of the log', () => {
  /** Whatever the fields are, one line of JSON comes out. */
  function logged(message: string, fields: LogFields = {}, redaction?: Redaction): Record<string, unknown> {
    const lines: string[] = [];
    createLogger('info', (line) => lines.push(line), redaction).warn(message, fields);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^[^\n]+\n$/);
    return JSON.parse(lines[0] ?? '');
  }

  it('ends nothing when it cannot be written', () => {
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

  it('has its time, level and message, whatever its fields are called', () => {
    const line = logged('room', { level: 'refuse', time: 0, message: 'x', plain: 1 });
    assert.deepEqual([line.level, line.message], ['warn', 'room']);
    assert.ok(!Number.isNaN(Date.parse(String(line.time))));
    assert.deepEqual([line.level_, line.time_, line.message_, line.plain], ['refuse', 0, 'x', 1]);
  });

  it('is one line that no text in it can break, and that moves no cursor', () => {
    const lines: string[] = [];
    const forged =
      'a\n{"time":"x","level":"error","message":"forged"}\r\u001b[2J\u0085\u2028\u2029\u009b1A\u202e\u007f';
    createLogger('info', (line) => lines.push(line)).info(forged, { [forged]: forged });
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^[\x20-\x7e]+\n$/);
    assert.equal(JSON.parse(lines[0] ?? '').message, forged);
  });

  it('takes what JSON does not', () => {
    const circular: Record<string, unknown> = { one: 1n };
    circular.self = circular;
    const hostile = {
      get broken() {
        throw new Error('no');
      },
      fine: true,
    };
    const proxy = new Proxy({}, { ownKeys: () => assert.fail('no keys') });
    const fields = {
      circular,
      hostile,
      proxy,
      json: { toJSON: () => assert.fail('no JSON') },
      bytes: Buffer.from('0123456789abcdef'),
      error: new TypeError('boom'),
      nan: Number.NaN,
      when: new Date(0),
      map: new Map([['a', new Set([1])]]),
      none: undefined,
      surrogate: '\ud800',
    };
    const line = logged('odd', fields);
    assert.deepEqual(line.circular, { one: '1', self: '[circular]' });
    assert.deepEqual(line.hostile, { broken: '[unreadable]', fine: true });
    assert.deepEqual([line.proxy, line.json], ['[unreadable]', '[unreadable]']);
    assert.equal(line.bytes, '[16 bytes]');
    assert.match(String(line.error), /^TypeError: boom\n {4}at /);
    assert.deepEqual([line.nan, line.when, line.map], ['NaN', '1970-01-01T00:00:00.000Z', { a: [1] }]);
  });

  it('is bounded, however much is in it', () => {
    const wide = Array.from({ length: 1000 }, (_, at) => ({ at, text: 'x'.repeat(1000) }));
    let deep: unknown = 'end';
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
    for (const fields of [{ wide }, { deep }, { long: '\u0001'.repeat(5_000_000) }]) {
      const { length } = JSON.stringify(logged('much', fields));
      assert.ok(length < 128 * 1024, `${Object.keys(fields)}: ${length}`);
    }
    assert.match(String(logged('much', { long: 'word '.repeat(9000) }).long), /… \[45000 characters\]$/);
  });

  it('shows no piece of a secret that it cuts through', () => {
    const secret = `S${'q'.repeat(30)}`;
    const redaction: Redaction = { hides: () => false, text: (text) => text.replaceAll(secret, '*') };
    for (let lead = 16_300; lead < 16_400; lead += 1) {
      const line = JSON.stringify(
        logged('', { long: `${'x'.repeat(lead)} ${secret} ${'y'.repeat(100)}` }, redaction),
      );
      assert.ok(!line.includes('qqq'), `after ${lead}`);
    }
  });

  it('costs nothing when it is not written', () => {
    const logger = createLogger('info', () => assert.fail('written'));
    logger.debug('unseen', {
      get field() {
        return assert.fail('looked at');
      },
    });
  });

  it('goes through the redaction with its message, names and values, and hides what stands under a name', () => {
    const redaction: Redaction = {
      hides: (name) => name === 'token',
      text: (text) => text.replaceAll('hush', '*'),
    };
    const line = logged(
      'hush',
      { hush: ['hush'], token: { deep: 'x' }, list: [{ token: 'y' }], count: { token: 3 } },
      redaction,
    );
    assert.deepEqual(
      [line.message, line['*'], line.token, line.list, line.count],
      ['*', ['*'], '[redacted]', [{ token: '[redacted]' }], { token: 3 }],
    );
  });
});
