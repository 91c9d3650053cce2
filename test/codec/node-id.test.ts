import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import { isNodeId, nodeIdFromPublicKey, publicKeyFromNodeId } from '../../src/codec/node-id.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

describe('a node id', () => {
  it('is the peer id of libp2p: base58btc of 00 24 08 01 12 20 and the key', () => {
    const key = Buffer.from('1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e', 'hex');
    const id = nodeIdFromPublicKey(key);
    assert.match(id, /^12D3KooW/);
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
    let number = 0n;
    for (const digit of id) number = number * 58n + BigInt(alphabet.indexOf(digit));
    // The leading zero byte is the leading `1`, which adds nothing to the number.
    assert.equal(number.toString(16), `2408011220${key.toString('hex')}`);
  });

  it('gives back the key that it was made of', (t) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 200; round++) {
      const key = Uint8Array.from({ length: 32 }, () => random.int(0, 255));
      const id = nodeIdFromPublicKey(key);
      assert.ok(isNodeId(id));
      assert.deepEqual(Uint8Array.from(publicKeyFromNodeId(id)), key);
      // A key in a larger buffer is the same key.
      assert.equal(nodeIdFromPublicKey(Buffer.concat([Buffer.alloc(5), key]).subarray(5)), id);
    }
  });

  it('does not change when the bytes that it was read from do', () => {
    const key = new Uint8Array(32).fill(0x55);
    const id = nodeIdFromPublicKey(key);
    key.fill(0);
    assert.deepEqual(Uint8Array.from(publicKeyFromNodeId(id)), new Uint8Array(32).fill(0x55));
  });

  it('goes on when more keys are named than it remembers', () => {
    for (let i = 0; i < 10_500; i++) {
      const key = Buffer.alloc(32);
      key.writeUInt32LE(i);
      const id = nodeIdFromPublicKey(key);
      if (i % 1000 === 0) assert.deepEqual(Buffer.from(publicKeyFromNodeId(id)), key);
    }
  });

  it('is refused when it is none', () => {
    const good = nodeIdFromPublicKey(new Uint8Array(32).fill(1));
    for (const text of [
      '',
      'x',
      '0OIl',
      good.slice(0, -1),
      `${good}1`,
      `1${good}`,
      good.toLowerCase(),
      `${good}${good}`,
      'Qm'.repeat(23),
      '1'.repeat(10_000),
      '\u0000',
    ]) {
      assert.equal(isNodeId(text), false, text.slice(0, 20));
      assert.throws(() => publicKeyFromNodeId(text as NodeId), { code: 'INVALID_ARGUMENT' });
    }
    for (const length of [0, 31, 33, 64])
      assert.throws(() => nodeIdFromPublicKey(new Uint8Array(length)), { code: 'INVALID_ARGUMENT' });
  });
});
