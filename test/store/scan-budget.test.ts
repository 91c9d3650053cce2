import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { DeltaId, ProjectId } from '../../src/base/ids.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { type DeltaQuery, runQuery, tryRunQuery } from '../../src/store/delta-queries.ts';
import { ScanBudget, scanCosts } from '../../src/store/scan-budget.ts';
import { auditEvent } from './audit-store-contract.ts';
import { append, openParts, own } from './log-fixture.ts';
import { Author, at, tempDirectory } from './store-fixture.ts';

const app = 'github.com/acme/app' as ProjectId;
const count = 300;
const inTree = { project: app, path: 'src', subtree: true } as const;

/** Each looks at every delta, also those that give few or none. */
const queries: readonly DeltaQuery[] = [
  { name: 'getSince', arguments: [{}, {}] },
  { name: 'getSince', arguments: [{}, { type: 'usage' }] },
  { name: 'getRange', arguments: [at(0), at(2 ** 30), {}] },
  { name: 'getRange', arguments: [at(0), at(2 ** 30), { type: 'usage' }] },
  { name: 'getBySource', arguments: [own.id, undefined] },
  { name: 'getByPath', arguments: [inTree] },
  { name: 'getByPath', arguments: [{ ...inTree, tag: 'none' }] },
  { name: 'getLatest', arguments: [{ tag: 'none' }, undefined] },
  { name: 'getLatest', arguments: [{ sources: [own.id], since: at(1) }, undefined] },
];

async function filled(t: TestContext, indexed: boolean) {
  const parts = await openParts(t);
  const author = new Author(own);
  append(
    parts,
    Array.from({ length: count }, (_, i) => author.own({ path: `src/${i}` })),
  );
  if (indexed) parts.index.applyUpTo(count);
  return parts;
}

describe('scan budget', () => {
  for (const indexed of [true, false]) {
    const where = indexed ? 'with a level index' : 'with an index that has applied nothing';
    it(`gives the whole answer or none, ${where}`, async (t) => {
      const { reader } = await filled(t, indexed);
      for (const query of queries) {
        const whole = runQuery(reader, query);
        let answered = 0;
        for (let us = 1; us <= 2 ** 13; us *= 2) {
          const answer = tryRunQuery(reader, query, new ScanBudget(us));
          if (answer !== undefined) answered++;
          if (answer !== undefined) assert.deepEqual(answer, whole);
        }
        assert(answered > 0 && answered < 13, `${query.name} was answered with ${answered} of 13 budgets`);
      }
    });
  }

  it('gives up at the first record that is too much', async (t) => {
    const { reader } = await filled(t, true);
    const latest = (limit: number): DeltaQuery => ({ name: 'getLatest', arguments: [{ limit }, undefined] });
    // Each frame is under 1 KiB.
    const budget = () => new ScanBudget(10 * (scanCosts.recordUs + scanCosts.kibUs));
    assert.equal(tryRunQuery(reader, latest(10), budget())?.length, 10);
    assert.equal(tryRunQuery(reader, latest(13), budget()), undefined);
  });

  it('counts the tail that the index lacks when one delta is looked for', async (t) => {
    const { reader } = await filled(t, false);
    const get: DeltaQuery = { name: 'get', arguments: [`${own.id}:1` as DeltaId] };
    assert.equal(tryRunQuery(reader, get, new ScanBudget(count)), undefined);
    assert.equal(runQuery(reader, get)[0]?.seq, 1);
  });

  it('counts the bytes of a record', async (t) => {
    const parts = await openParts(t);
    append(parts, [new Author(own).own({ payload: { text: 'x'.repeat(100 * 1024) } })]);
    const latest: DeltaQuery = { name: 'getLatest', arguments: [{}, undefined] };
    assert.equal(tryRunQuery(parts.reader, latest, new ScanBudget(99)), undefined);
    assert.equal(tryRunQuery(parts.reader, latest, new ScanBudget(110))?.length, 1);
  });

  it('bounds a query of the audit log', async (t) => {
    const directory = tempDirectory(t);
    const writer = await AuditWriter.open(directory);
    const events = Array.from({ length: count }, (_, i) => auditEvent(i + 1));
    writer.append(events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) })));
    const reader = new AuditReader(writer.tables);
    for (const filter of [
      { project: 'none' as ProjectId },
      { holder: events[0]?.holder as NonNullable<(typeof events)[0]['holder']>, action: 'forced' as const },
      { limit: count, to: at(2 ** 30) as HlcTime },
    ]) {
      assert.equal(reader.tryQuery(filter, new ScanBudget(count - 1)), undefined);
      assert.deepEqual(reader.tryQuery(filter, new ScanBudget(count * 10)), reader.query(filter));
    }
    await writer.close();
  });

  it('lets a failure of the query through', () => {
    assert.throws(
      () =>
        new ScanBudget(1).within(() => {
          throw new RangeError('of the query');
        }),
      RangeError,
    );
  });
});
