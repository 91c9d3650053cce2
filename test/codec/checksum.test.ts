import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { checksum } from '../../src/codec/checksum.ts';

describe('the checksum of a record', () => {
  it('is CRC-32 over the key, big-endian, and the bytes', () => {
    const bytes = Buffer.from('some bytes');
    for (const key of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
      const keyed = Buffer.alloc(8);
      keyed.writeBigUInt64BE(BigInt(key));
      assert.equal(checksum(key, bytes), crc32(Buffer.concat([keyed, bytes])));
    }
  });

  it('differs between keys, bits and lengths', () => {
    const seen = new Set<number>();
    for (let key = 0; key < 1000; key++) seen.add(checksum(key, Buffer.from('x')));
    for (let bit = 0; bit < 64; bit++) {
      const bytes = Buffer.alloc(8);
      bytes[bit >> 3] = 1 << (bit & 7);
      seen.add(checksum(2000, bytes));
    }
    for (let length = 0; length < 100; length++) seen.add(checksum(3000, Buffer.alloc(length)));
    assert.equal(seen.size, 1164);
  });
});
