import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PageFile } from '../../src/store/lmdb-file.ts';
import { storedKey } from '../../src/store/lmdb-tree.ts';
import { looseNodes } from '../../src/store/loose-nodes.ts';
import { isCount } from '../../src/store/meta-table.ts';
import { Salvage, salvageMetaValues } from '../../src/store/salvage.ts';
import { findSalvageRoot, type SalvageRoot } from '../../src/store/salvage-root.ts';
import { metaValue } from '../../src/store/store-facts.ts';
import { positionOfKey } from '../../src/store/store-keys.ts';
import { alterFile, copyStores, makeStores, type Places } from './damage-fixture.ts';
import { type Layout, layoutOf, page } from './page-damages.ts';
import { tempDirectory } from './store-fixture.ts';

describe('a salvage', () => {
  const directory = tempDirectory({ after: (remove) => after(remove as () => void) });
  let original: Places;
  let layout: Layout;
  let sound: SalvageRoot;
  before(async () => {
    original = await makeStores(join(directory, 'original'));
    layout = layoutOf(original.delta);
    sound = rootOf(original);
  });

  function rootOf({ delta }: Places): SalvageRoot {
    const file = PageFile.open(delta);
    assert.ok(file);
    try {
      return findSalvageRoot(file);
    } finally {
      file.close();
    }
  }

  function damaged(alter: (bytes: Buffer) => unknown): Places {
    const places = copyStores(original, join(directory, 'damaged'));
    alterFile(places.delta, alter);
    return places;
  }

  const open = ({ delta }: Places): Salvage => {
    const salvage = Salvage.open(delta);
    assert.ok(salvage);
    return salvage;
  };

  function positionsIn(places: Places): {
    readonly walked: readonly number[];
    readonly loose: readonly number[];
  } {
    const salvage = open(places);
    const [walked, loose]: [number[], number[]] = [[], []];
    const { damagedLeaves } = salvage.walk('log', ({ key }) => walked.push(positionOfKey(key)));
    for (const leaf of damagedLeaves) salvage.loose(leaf, ({ key }) => loose.push(positionOfKey(key)));
    salvage.close();
    return { walked, loose: loose.sort((a, b) => a - b) };
  }

  it('begins with the newest transaction, whichever part of a meta page is damaged', () => {
    assert.ok(sound.isCurrent && sound.tables.has('log'));
    const { newestMeta, olderMeta, list } = layout;
    const change = (at: number, bits: number) => (bytes: Buffer) =>
      bytes.writeUInt8(bytes.readUInt8(at) ^ bits, at);
    const damages: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
      'its number, lower': (bytes) =>
        bytes.writeUIntLE(bytes.readUIntLE(newestMeta + 152, 6) - 2, newestMeta + 152, 6),
      'its number, higher': (bytes) => bytes.writeUIntLE(2 ** 40, newestMeta + 152, 6),
      'the root that it names': (bytes) => bytes.writeUIntLE(2, newestMeta + 136, 6),
      'the number of that root': change(list, 1),
      'the transaction of that root': change(list + 8, 1),
      'the other one': (bytes) => bytes.fill(0, olderMeta, olderMeta + page),
      'all of it': (bytes) => bytes.fill(0x5a, newestMeta, newestMeta + page),
      'both of them': (bytes) => bytes.fill(0, 0, 2 * page),
    };
    for (const [name, alter] of Object.entries(damages)) {
      const { transaction, tables, isCurrent } = rootOf(damaged(alter));
      assert.ok(isCurrent, name);
      // Of a page whose number is damaged no transaction is known.
      if (!name.includes('of that root')) assert.equal(transaction, sound.transaction, name);
      assert.deepEqual(tables, sound.tables, name);
    }
  });

  it('says when only an earlier state can be found', () => {
    const { newestMeta, list } = layout;
    const { isCurrent } = rootOf(
      damaged((bytes) => bytes.fill(0x5a, newestMeta, newestMeta + page).fill(0x5a, list, list + page)),
    );
    assert.equal(isCurrent, false);
  });

  it('gets from a damaged leaf all but the record that is damaged', () => {
    const { walked } = positionsIn(original);
    const bytes = readFileSync(join(original.delta, 'data.mdb'));
    const { leaf } = layout;
    const count = bytes.readUInt16LE(leaf + 20) / 2;
    const inLeaf = walked.slice(0, count);
    const node = (index: number) => leaf + 24 + bytes.readUInt16LE(leaf + 24 + index * 2);
    const damages: Readonly<
      Record<string, readonly [alter: (bytes: Buffer) => unknown, lost: readonly number[]]>
    > = {
      'the place of a node': [(b) => b.writeUInt16LE(b.readUInt16LE(leaf + 26) ^ 1, leaf + 26), []],
      'the place of the last node': [(b) => b.writeUInt16LE(0xfff0, leaf + 24 + (count - 1) * 2), []],
      'the end of the list, lower': [(b) => b.writeUInt16LE(2, leaf + 20), []],
      'the end of the list, higher': [(b) => b.writeUInt16LE(count * 2 + 200, leaf + 20), []],
      'the beginning of the nodes': [(b) => b.writeUInt16LE(0, leaf + 22), []],
      'the size of a value': [(b) => b.writeUInt16LE(60_000, node(1)), [inLeaf[1] ?? 0]],
      'the size of a value, a little': [(b) => b.writeUInt16LE(b.readUInt16LE(node(1)) ^ 4, node(1)), []],
      'the flags of a node': [(b) => b.writeUInt16LE(8, node(1) + 4), [inLeaf[1] ?? 0]],
    };
    for (const [name, [alter, lost]] of Object.entries(damages)) {
      const { walked: left, loose } = positionsIn(damaged(alter));
      assert.deepEqual(left, walked.slice(count), `${name}: the other leaves`);
      const found = loose.filter((position) => inLeaf.includes(position));
      assert.deepEqual(
        [...new Set(found)],
        inLeaf.filter((position) => !lost.includes(position)),
        name,
      );
    }
  });

  it('follows no pointer into a page that is free', () => {
    // The leaf of an earlier transaction, sound in itself: each transaction writes the meta values anew.
    const stale = (bytes: Buffer): number => {
      const live = sound.tables.get('meta')?.root;
      for (let at = 2; at * page < bytes.length; at++) {
        const isLeaf = bytes.readUInt16LE(at * page + 18) === 2 && bytes.readUInt32LE(at * page) === at;
        const names = bytes.subarray(at * page, (at + 1) * page).toString('latin1');
        if (isLeaf && at !== live && names.includes('auditNewest') === false && names.includes('trimmed'))
          return at;
      }
      throw new Error('no earlier meta values lie about');
    };
    const metaHeader = (bytes: Buffer) => bytes.indexOf(Buffer.from('meta\0'), layout.list) + 5;
    const places = damaged((bytes) => bytes.writeUIntLE(stale(bytes), metaHeader(bytes) + 40, 6));
    const salvage = open(places);
    const names: string[] = [];
    const { cutOff } = salvage.walk('meta', ({ key }) => names.push(key.toString()));
    const { sure } = salvageMetaValues(salvage, () => true);
    salvage.close();
    assert.deepEqual([names, cutOff], [[], true]);
    // What no list of free pages names was there at the last.
    assert.equal(metaValue(sure, 'fence', isCount), 1000);
  });

  it('is sure of the meta values that the table holds, and guesses the others', () => {
    const isRight = (name: string, stored: Buffer) =>
      metaValue(new Map([[name, stored]]), name, isCount) !== undefined;
    const read = (places: Places) => {
      const salvage = open(places);
      const { sure, guessed } = salvageMetaValues(salvage, isRight);
      salvage.close();
      return { sure: metaValue(sure, 'fence', isCount), guessed: metaValue(guessed, 'fence', isCount) };
    };
    assert.deepEqual(read(original), { sure: 1000, guessed: undefined });
    const spoilt = damaged((bytes) => {
      const file = PageFile.open(original.delta);
      assert.ok(file);
      const root = sound.tables.get('meta')?.root ?? 0;
      const at = file.load(root) ?? 0;
      for (const node of looseNodes(file, at))
        if (storedKey(node).toString() === 'fence') {
          const place = root * page + node.valueAt - at;
          bytes.writeUInt8(bytes.readUInt8(place + 4) ^ 1, place + 4);
        }
      file.close();
    });
    const { sure, guessed } = read(spoilt);
    assert.equal(sure, undefined);
    assert.ok(guessed === undefined || guessed <= 1000);
  });
});
