import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeParts, encodeParts } from '../../src/codec/record-parts.ts';

describe('record parts', () => {
  it('give back what went in, in order', async () => {
    for (const count of [0, 1, 99, 100, 101, 1000]) {
      const records = Array.from({ length: count }, (_, number) => ({
        number,
        nested: { text: `${number}` },
      }));
      assert.deepEqual(await decodeParts(encodeParts(records)), records);
    }
  });

  it('stay small when the records are large, down to one record', async () => {
    const records = Array.from({ length: 100 }, (_, number) => ({ number, text: 'x'.repeat(40_000) }));
    const parts = encodeParts([...records, { text: 'y'.repeat(1_000_000) }]);
    assert.deepEqual(
      parts.filter(({ length }) => length > 256 * 1024).map(({ length }) => length > 1_000_000),
      [true],
    );
    assert.deepEqual((await decodeParts(parts)).slice(0, 100), records);
  });

  it('let other work in between', async () => {
    const parts = encodeParts(Array.from({ length: 1000 }, (_, number) => number));
    let turns = 0;
    let over = false;
    const turn = () => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    await decodeParts(parts);
    over = true;
    assert(turns >= parts.length - 2, `${turns} turns for ${parts.length} parts`);
  });
});
