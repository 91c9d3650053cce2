import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { Position } from '../../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { decodeLogRecord, encodeLogRecord, type LogRecord } from '../../src/delta/log-record.ts';

const base: LogRecord = {
  position: (2 ** 45 + 1) as Position,
  source: nodeIdFromPublicKey(new Uint8Array(32).fill(4)),
  seq: 2 ** 44,
  time: (2 ** 52 + 1) as HlcTime,
  body: Buffer.from('body'),
};
const prev = Buffer.alloc(32, 1);
const signature = Buffer.alloc(64, 2);

describe('a log record', () => {
  it('comes back as it was, with and without prev and signature', () => {
    for (const record of [base, { ...base, prev }, { ...base, signature }, { ...base, prev, signature }]) {
      const bytes = Buffer.concat(encodeLogRecord(record));
      assert.deepEqual(decodeLogRecord(bytes), { prev: undefined, signature: undefined, ...record });
    }
  });

  it('reads from memory at any offset', () => {
    const bytes = Buffer.concat([Buffer.alloc(3), ...encodeLogRecord({ ...base, prev })]).subarray(3);
    assert.equal(decodeLogRecord(bytes).time, base.time);
  });

  it('refuses a record without a body: its bytes never left the process', () => {
    const bytes = Buffer.concat(encodeLogRecord({ ...base, prev, signature }));
    for (const length of [0, 10, 64, 96, 159, 160])
      assert.throws(
        () => decodeLogRecord(bytes.subarray(0, length)),
        { code: 'ERR_ASSERTION' },
        String(length),
      );
    assert.equal(decodeLogRecord(bytes.subarray(0, 161)).body.length, 1);
  });
});
