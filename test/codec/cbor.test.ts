import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeCbor, encodeCbor } from '../../src/codec/cbor.ts';

describe('CBOR', () => {
  it('writes what RFC 8949 says, as short as it can', () => {
    for (const [value, hex] of [
      [[], '80'],
      [[1, 23, 24, -1], '84011718' + '1820'],
      [{ a: 1 }, 'a1616101'],
      [new Uint8Array([1, 2]), '420102'],
      ['ü', '62c3bc'],
      [null, 'f6'],
      [true, 'f5'],
    ] as const) {
      assert.equal(Buffer.from(encodeCbor(value)).toString('hex'), hex);
    }
  });

  it('gives bytes that a later call does not overwrite', () => {
    const first = encodeCbor(['first']);
    const copy = Uint8Array.from(first);
    for (let i = 0; i < 1000; i++) encodeCbor(['later', i]);
    assert.deepEqual(Uint8Array.from(first), copy);
  });

  it('decodes into values that refer to nothing of the input', () => {
    const bytes = encodeCbor({ key: new Uint8Array([1, 2, 3]), text: 'text', deep: [[new Uint8Array([4])]] });
    const decoded = decodeCbor(bytes) as { key: Uint8Array; text: string; deep: Uint8Array[][] };
    bytes.fill(0xff);
    assert.deepEqual([...decoded.key, ...(decoded.deep[0]?.[0] ?? [])], [1, 2, 3, 4]);
    assert.equal(decoded.text, 'text');
  });

  it('reads numbers of 53 bits exactly', () => {
    for (const value of [0, -1, 2 ** 31, 2 ** 32, 2 ** 45 + 1, Number.MAX_SAFE_INTEGER, 0.1])
      assert.equal(decodeCbor(encodeCbor(value)), value);
  });

  it('throws on what is cut or empty', () => {
    const bytes = encodeCbor({ text: 'some text', list: [1, 2, 3] });
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => decodeCbor(bytes.subarray(0, length)), Error, String(length));
  });
});
