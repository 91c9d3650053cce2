import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SseParser } from '../../src/control/sse-parser.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const stream =
  '\ufeff: hello\n\nevent: delta\nid: delta-1\ndata: {"a":"ü🙂"}\n\ndata:first\r\ndata:  second\r\n\r\n' +
  'event:audit\rdata\rdata\r\rretry: 5\nunknown\nevent: dropped\n\ndata: last\n\ndata: unfinished\n';
const events = [
  { event: 'delta', data: '{"a":"ü🙂"}' },
  { event: 'message', data: 'first\n second' },
  { event: 'audit', data: '\n' },
  { event: 'message', data: 'last' },
];

test('reads events with every line end, comments, unknown fields and a byte order mark', () => {
  assert.deepEqual(new SseParser(1000).push(Buffer.from(stream)), events);
});

test('reads the same events however the bytes are cut', (t) => {
  const seed = testSeed();
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  const bytes = Buffer.from(stream);
  for (let round = 0; round < 300; round++) {
    const parser = new SseParser(1000);
    const found = [];
    for (let at = 0, size = 0; at < bytes.length; at += size) {
      size = round === 0 ? 1 : random.int(1, 12);
      found.push(...parser.push(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(found, events, `TEST_SEED=${seed}`);
  }
});

test('refuses an event over the limit, with and without line ends', () => {
  assert.throws(() => new SseParser(10).push(Buffer.from('data: 0123456789')), RangeError);
  assert.throws(() => new SseParser(10).push(Buffer.from('data:012345\n'.repeat(3))), RangeError);
  const parser = new SseParser(10);
  for (let i = 0; i < 10; i++) assert.equal(parser.push(Buffer.from('data:01\n\n')).length, 1);
});

test('takes random bytes without failing otherwise', (t) => {
  const seed = testSeed();
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const parser = new SseParser(100_000);
    for (let i = 0; i < 5; i++) {
      parser.push(
        Buffer.from(
          Array.from({ length: 100 }, () => random.pick([10, 13, 58, 32, 100, random.int(0, 255)])),
        ),
      );
    }
  }
});
