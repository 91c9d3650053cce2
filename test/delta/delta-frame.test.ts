import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { maxDeltaBytes } from '../../src/base/limits.ts';
import {
  decodeDeltaFrame,
  deltaHash,
  encodeDeltaFrame,
  genesisHash,
  maxFrameBytes,
  signatureBytes,
  signHash,
  verifyHash,
} from '../../src/delta/delta-frame.ts';
import { testSeed } from '../support/seed.ts';
import { refusesGarbage } from './garbage.ts';

const prev = new Uint8Array(32).fill(9);
const body = Buffer.from('a body');
const signature = new Uint8Array(signatureBytes).fill(3);

describe('the frame of a delta', () => {
  it('comes back as it was, signed and unsigned', () => {
    for (const given of [undefined, signature]) {
      const frame = decodeDeltaFrame(7, encodeDeltaFrame(7, prev, body, given));
      assert.deepEqual(Buffer.from(frame.prev), Buffer.from(prev));
      assert.deepEqual(Buffer.from(frame.body), body);
      assert.deepEqual(frame.signature && Uint8Array.from(frame.signature), given);
      assert.deepEqual(Buffer.from(frame.hash), Buffer.from(deltaHash(prev, body)));
    }
  });

  it('hashes SHA-256 over the previous hash and the body', () => {
    const expected = createHash('sha256')
      .update(Buffer.concat([prev, body]))
      .digest();
    assert.deepEqual(Buffer.from(deltaHash(prev, body)), expected);
  });

  it('is written into memory that is given, as into its own', () => {
    const scratch = Buffer.alloc(maxFrameBytes, 0xaa);
    const into = encodeDeltaFrame(7, prev, body, signature, scratch);
    assert.equal(into.buffer, scratch.buffer);
    assert.deepEqual(into, encodeDeltaFrame(7, prev, body, signature));
  });

  it('takes the largest body and nothing beyond', () => {
    const largest = encodeDeltaFrame(1, genesisHash, new Uint8Array(maxDeltaBytes), signature);
    assert.equal(largest.length, maxFrameBytes);
    assert.equal(decodeDeltaFrame(1, largest).body.length, maxDeltaBytes);
    const over = encodeDeltaFrame(1, genesisHash, new Uint8Array(maxDeltaBytes + 1), signature);
    assert.throws(() => decodeDeltaFrame(1, over), { code: 'STORE_DAMAGED' });
  });

  it('asserts the length of what it is made of', () => {
    assert.throws(() => encodeDeltaFrame(1, new Uint8Array(31), body));
    assert.throws(() => encodeDeltaFrame(1, prev, body, new Uint8Array(63)));
  });

  it('is refused under another position, whatever bit is flipped, and however it is cut', () => {
    const frame = encodeDeltaFrame(2 ** 40, prev, body, signature);
    for (const position of [0, 1, 2 ** 40 + 1, 2 ** 41, 2 ** 40 - 2 ** 32])
      assert.throws(() => decodeDeltaFrame(position, frame), { code: 'STORE_DAMAGED' });
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => decodeDeltaFrame(2 ** 40, flipped), { code: 'STORE_DAMAGED' }, `bit ${bit}`);
    }
    for (let length = 0; length < frame.length; length++)
      assert.throws(() => decodeDeltaFrame(2 ** 40, frame.subarray(0, length)), { code: 'STORE_DAMAGED' });
  });

  it('is refused when it has an unknown version or flag, or no body, with a right checksum', async () => {
    const { checksum } = await import('../../src/codec/checksum.ts');
    const reseal = (frame: Buffer) => {
      frame.writeUInt32LE(checksum(7, frame.subarray(4)), 0);
      return frame;
    };
    for (const [offset, value] of [
      [4, 2],
      [5, 2],
      [5, 0x81],
    ] as const) {
      const frame = encodeDeltaFrame(7, prev, body, signature);
      frame[offset] = value;
      assert.throws(() => decodeDeltaFrame(7, reseal(frame)), { code: 'STORE_DAMAGED' });
    }
    const bodiless = encodeDeltaFrame(7, prev, new Uint8Array(0), signature);
    assert.throws(() => decodeDeltaFrame(7, bodiless), { code: 'STORE_DAMAGED' });
  });

  it('refuses garbage with STORE_DAMAGED and nothing else', (t) => {
    refusesGarbage(t, testSeed(), encodeDeltaFrame(7, prev, body, signature), (bytes) =>
      decodeDeltaFrame(7, bytes),
    );
  });

  it('signs and verifies with Ed25519', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const hash = deltaHash(prev, body);
    const signed = signHash(hash, privateKey);
    assert.equal(signed.length, signatureBytes);
    assert.ok(verifyHash(hash, signed, publicKey));
    assert.equal(verifyHash(deltaHash(prev, Buffer.from('b')), signed, publicKey), false);
    assert.equal(verifyHash(hash, signature, publicKey), false);
    assert.equal(verifyHash(hash, new Uint8Array(10), publicKey), false);
  });
});
