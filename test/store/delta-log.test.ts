import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { decodeDeltaFrame, genesisHash, verifyHash } from '../../src/delta/delta-frame.ts';
import { publicKeyObject } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter, openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { LogView } from '../../src/store/log-view.ts';
import { positionKey } from '../../src/store/store-keys.ts';
import { hasCode } from './contract-fixture.ts';
import { append, openParts, own, record, sign } from './log-fixture.ts';
import { Author, at, tempDirectory, testNode } from './store-fixture.ts';

describe('the delta log', () => {
  it('signs the newest own delta of a batch, which vouches for those before it', async (t) => {
    const parts = await openParts(t);
    const [author, peer] = [new Author(own), new Author(testNode('peer'))];
    append(parts, [author.own(), author.own(), peer.foreign(), author.own(), peer.foreign()]);
    const frames = [...parts.log.view.frames(1, 5)].map(({ position, value }) =>
      decodeDeltaFrame(position, value),
    );
    assert.deepEqual(
      frames.map(({ signature }) => signature !== undefined),
      [false, false, true, true, true],
    );
    const signed = frames[3];
    assert.ok(signed?.signature);
    assert.ok(verifyHash(signed.hash, signed.signature, publicKeyObject(own.id)));
    assert.deepEqual(Buffer.from(signed.prev), Buffer.from(frames[1]?.hash ?? []));
  });

  it('reports head, floors, clock, fence and the heads of sources', async (t) => {
    const parts = await openParts(t);
    const author = new Author(own);
    assert.equal(parts.log.headState().sources.get(own.id)?.seq, 0);
    append(parts, [
      author.own({ time: 7 }),
      author.own({ time: 9 }),
      new Author(testNode('b')).foreign({ time: 3 }),
    ]);
    assert.equal(parts.log.reserveFences(1000), 1000);
    assert.equal(parts.log.reserveFences(10), 1000, 'a fence floor never falls');
    const { node, head, floor, trimmed, fence, clock, sources } = parts.log.headState();
    assert.deepEqual(
      { node, head, floor, trimmed, fence, clock },
      {
        node: own.id,
        head: 3,
        floor: 1,
        trimmed: 1,
        fence: 1000,
        clock: at(9),
      },
    );
    assert.equal(sources.size, 2);
    assert.deepEqual(Buffer.from(sources.get(own.id)?.hash ?? []), Buffer.from(author.hash));
  });

  it('writes a batch that is applied again only once, also when it grew', async (t) => {
    const parts = await openParts(t);
    const author = new Author(own);
    const first = append(parts, author.owns(5));
    assert.deepEqual(parts.log.append(first, sign), { head: 5, written: 0, signed: undefined });
    const { records } = parts.intake.admit(author.owns(2));
    const { head, written } = parts.log.append([...first.slice(3), ...records], sign);
    assert.deepEqual({ head, written }, { head: 7, written: 2 });
    assert.equal([...parts.log.view.frames(1, 7)].length, 7);
  });

  it('does not take another delta for one that it has', async (t) => {
    const parts = await openParts(t);
    const author = new Author(own);
    append(parts, [author.own()]);
    const other = new Author(own).own({ payload: { text: 'other' } });
    const forged = record(other, 1, encodeDeltaBody(other.delta));
    assert.throws(() => parts.log.append([forged], sign), hasCode('STORE_DAMAGED'));
  });

  it('writes nothing of a batch when one record does not fit', async (t) => {
    const parts = await openParts(t);
    const author = new Author(own);
    append(parts, author.owns(2));
    const { records } = parts.intake.admit(author.owns(3));
    const [third, fourth, fifth] = records;
    assert.ok(third && fourth && fifth);
    assert.throws(() => parts.log.append([third, fifth], sign), /position/);
    assert.throws(() => parts.log.append([third, { ...fourth, seq: 9 }], sign), /seq/);
    assert.throws(
      () => parts.log.append([third, { ...fourth, prev: genesisHash }], sign),
      hasCode('CHAIN_BROKEN'),
    );
    assert.throws(
      () =>
        parts.log.append(records, () => {
          throw new Error('no key');
        }),
      /no key/,
    );
    assert.equal(parts.log.headState().head, 2);
    assert.equal(parts.log.view.frame(3), undefined);
    assert.equal(parts.log.append(records, sign).head, 5);
  });

  it('takes bodies that lie in shared memory', async (t) => {
    const parts = await openParts(t);
    const incoming = new Author(own).own();
    const body = encodeDeltaBody(incoming.delta);
    const shared = new Uint8Array(new SharedArrayBuffer(body.length));
    shared.set(body);
    parts.log.append([record(incoming, 1, shared)], sign);
    assert.equal(parts.reader.getLatest()[0]?.id, incoming.delta.id);
  });

  it('is refused to another node', async (t) => {
    const directory = tempDirectory(t);
    const log = await DeltaLogWriter.open(directory, { node: own.id });
    await log.close();
    await assert.rejects(
      () => DeltaLogWriter.open(directory, { node: testNode('b').id }),
      hasCode('KEY_INVALID'),
    );
  });

  it('is refused when a newer version wrote it, and left as it is', async (t) => {
    const directory = tempDirectory(t);
    const log = await DeltaLogWriter.open(directory, { node: own.id });
    log.view.environment.write(() => log.view.meta.put('schema', 2));
    await log.close();
    await assert.rejects(() => DeltaLogWriter.open(directory, { node: own.id }), hasCode('SCHEMA_NEWER'));
    const environment = openDeltaEnvironment(directory);
    assert.equal(
      new LogView(environment).meta.need('schema', (value): value is number => value === 2),
      2,
    );
    await environment.close();
  });

  it('is damaged, not new, when its schema is missing', async (t) => {
    const directory = tempDirectory(t);
    const parts = await openParts(t, directory);
    append(parts, new Author(own).owns(1));
    parts.log.view.environment.write(() => parts.log.view.meta.remove('schema'));
    await parts.log.close();
    await assert.rejects(
      () => DeltaLogWriter.open(join(directory, 'delta'), { node: own.id }),
      hasCode('STORE_DAMAGED'),
    );
  });

  it('says STORE_DAMAGED and the position for a frame that is changed, moved or missing', async (t) => {
    const parts = await openParts(t);
    append(parts, new Author(own).owns(5));
    const { view } = parts.log;
    const [second, third] = [view.frame(2), view.frame(3)];
    assert.ok(second && third);
    const expectDamage = (position: number) =>
      assert.throws(
        () => parts.reader.getLatest(),
        (error: { code?: string; details?: { position?: number } }) =>
          error.code === 'STORE_DAMAGED' && error.details?.position === position,
      );
    view.environment.write(() => view.log.put(positionKey(2), third));
    expectDamage(2);
    view.environment.write(() => view.log.remove(positionKey(2)));
    expectDamage(2);
    const flipped = Buffer.from(second);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    view.environment.write(() => view.log.put(positionKey(2), flipped));
    expectDamage(2);
    view.environment.write(() => view.log.put(positionKey(2), second));
    assert.equal(parts.reader.getLatest().length, 5);
  });

  it('says STORE_DAMAGED for a changed meta value', async (t) => {
    const parts = await openParts(t);
    append(parts, new Author(own).owns(1));
    const meta = parts.log.view.environment.table('meta');
    const head = meta.get(Buffer.from('head'));
    const floor = meta.get(Buffer.from('floor'));
    assert.ok(head && floor);
    parts.log.view.environment.write(() => meta.put(Buffer.from('head'), floor));
    assert.throws(() => parts.reader.getLatest(), hasCode('STORE_DAMAGED'));
    parts.log.view.environment.write(() => meta.put(Buffer.from('head'), Buffer.of(1, 2)));
    assert.throws(() => parts.log.headState(), hasCode('STORE_DAMAGED'));
  });
});
