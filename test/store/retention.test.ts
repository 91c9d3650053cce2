import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { ProjectId } from '../../src/base/ids.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { type CompactStep, compactAudit, compactLog } from '../../src/store/retention.ts';
import { verifySteps } from '../../src/store/verify.ts';
import { auditEvent } from './audit-store-contract.ts';
import { positions } from './contract-fixture.ts';
import { keyCount } from './index-fixture.ts';
import { append, closeParts, openParts, own, type Parts } from './log-fixture.ts';
import { Author, at, tempDirectory, testNode } from './store-fixture.ts';

const app = 'github.com/acme/app' as ProjectId;
const peer = testNode('peer');
const total = 40;
/** Deltas 1 … 25 are older than this; 26 is not. */
const before = at(26);

async function filled(t: TestContext, directory = tempDirectory(t)): Promise<Parts> {
  const parts = await openParts(t, directory);
  const authors = [new Author(own), new Author(peer)] as const;
  for (let i = 1; i <= total; i++) {
    const fields = { time: i, path: `src/${i % 4}.ts` };
    append(parts, [i % 5 === 0 ? authors[1].foreign(fields) : authors[0].own(fields)]);
  }
  parts.index.applyUpTo(total);
  return parts;
}

function steps({ log, index }: Parts, limit = Number.POSITIVE_INFINITY, batch = 7): CompactStep[] {
  const taken: CompactStep[] = [];
  const walk = compactLog(log.view, index.tables, { before }, { maxPerTransaction: batch });
  while (taken.length < limit) {
    const step = walk.next();
    if (step.done === true) break;
    taken.push(step.value);
  }
  return taken;
}

function assertCompacted({ log, index, reader }: Parts): void {
  const kept = Array.from({ length: 15 }, (_, i) => 26 + i);
  assert.deepEqual(positions(reader.getSince({})), kept);
  assert.deepEqual(positions(reader.getRange(at(0), at(100))), kept);
  assert.deepEqual(positions(reader.getLatest()), [...kept].reverse());
  assert.deepEqual(positions(reader.getBySource(peer.id)), [40, 35, 30]);
  assert.deepEqual(positions(reader.getByPath({ project: app, path: 'src/1.ts' })), [37, 33, 29]);
  const { head, floor, trimmed, sources } = log.headState();
  assert.deepEqual({ head, floor, trimmed }, { head: total, floor: 26, trimmed: 26 });
  assert.deepEqual([sources.get(own.id)?.floorSeq, sources.get(peer.id)?.floorSeq], [20, 5]);
  assert.equal(log.view.log.count(), 15);
  assert.equal(keyCount(index.tables), 45);
  assertSound({ log, index });
}

function assertSound({ log, index }: Pick<Parts, 'log' | 'index'>): void {
  const walk = verifySteps({ log: log.view, index: index.tables });
  let step = walk.next();
  while (step.done !== true) step = walk.next();
  assert.deepEqual(step.value.problems, []);
}

describe('compaction of the log', () => {
  it('drops in bounded transactions, and the result verifies', async (t) => {
    const parts = await filled(t);
    const taken = steps(parts);
    assert.ok(taken.every(({ step, records }) => step === 'floor raised' || records <= 7));
    assert.deepEqual(
      new Set(taken.map(({ step }) => step)),
      new Set(['looked', 'floor raised', 'index trimmed', 'log trimmed']),
    );
    assertCompacted(parts);
  });

  it('resumes after a crash at every step, with complete answers in between', async (t) => {
    const all = steps(await filled(t)).length;
    for (let crashed = 0; crashed <= all; crashed++) {
      const directory = tempDirectory(t);
      const parts = await filled(t, directory);
      const raised = steps(parts, crashed).some(({ step }) => step === 'floor raised');
      await closeParts(parts);
      const again = await openParts(t, directory);
      assert.equal(again.index.rebuilding, false);
      assertSound(again);
      const seen = positions(again.reader.getSince({}));
      assert.deepEqual([seen[0], seen.length], raised ? [26, 15] : [1, 40], `after step ${crashed}`);
      assert.deepEqual(positions(again.reader.getRange(at(0), at(100))), seen);
      assert.equal(again.reader.getBySource(peer.id).length, raised ? 3 : 8);
      steps(again);
      assertCompacted(again);
    }
  });

  it('resumes with an index that is rebuilt in between', async (t) => {
    const all = steps(await filled(t)).length;
    for (let crashed = 0; crashed <= all; crashed++) {
      const parts = await filled(t);
      steps(parts, crashed);
      parts.index.rebuild();
      parts.index.applyUpTo(total);
      assertSound(parts);
      steps(parts);
      assertCompacted(parts);
    }
  });

  it('never passes what the index has applied', async (t) => {
    const parts = await filled(t);
    parts.index.rebuild();
    assert.deepEqual(steps(parts), []);
    parts.index.applyUpTo(10);
    steps(parts);
    assert.equal(parts.log.headState().floor, parts.index.applied() + 1);
    parts.index.applyUpTo(total);
    steps(parts);
    assertCompacted(parts);
  });

  it('lets the writers go on between its steps', async (t) => {
    const parts = await filled(t);
    const walk = compactLog(parts.log.view, parts.index.tables, { before }, { maxPerTransaction: 3 });
    const author = new Author(own, at(total));
    author.seq = 32;
    let added = 0;
    for (let step = walk.next(); step.done !== true; step = walk.next()) {
      append(parts, [author.own()]);
      parts.index.applyUpTo(1_000);
      added++;
    }
    assert.equal(parts.log.headState().head, total + added);
    assert.deepEqual(
      positions(parts.reader.getBySource(own.id, added)),
      positions(parts.reader.getLatest({ limit: added })),
    );
    assertSound(parts);
  });

  it('goes on appending after everything was dropped, with the chain unbroken', async (t) => {
    const parts = await filled(t);
    const walk = compactLog(parts.log.view, parts.index.tables, { before: at(1000) });
    let step = walk.next();
    while (step.done !== true) step = walk.next();
    assert.deepEqual(step.value, { dropped: 40, floor: 41 });
    assertSound(parts);
    const author = new Author(own, at(total));
    author.seq = 32;
    append(parts, author.owns(3));
    parts.index.applyUpTo(1000);
    assertSound(parts);
    assert.deepEqual(positions(parts.reader.getLatest()), [43, 42, 41]);
  });
});

describe('compaction of the audit log', () => {
  it('drops in bounded transactions and resumes after a stop at any of them', async (t) => {
    for (let stopped = 0; stopped <= 4; stopped++) {
      const writer = await AuditWriter.open(tempDirectory(t));
      writer.append(
        Array.from({ length: 20 }, (_, i) => {
          const event = auditEvent(i + 1, { holder: i % 2 === 0 ? 'even' : 'odd' });
          return { at: event.at, frame: encodeAuditEvent(event) };
        }),
      );
      const first = compactAudit(writer.tables, at(13), { maxPerTransaction: 5 });
      for (let i = 0; i < stopped; i++) first.next();
      const second = compactAudit(writer.tables, at(13), { maxPerTransaction: 5 });
      let step = second.next();
      while (step.done !== true) step = second.next();
      assert.equal(step.value, Math.max(0, 12 - 5 * stopped));
      const reader = new AuditReader(writer.tables);
      assert.equal(reader.count(), 8);
      const walk = verifySteps({ audit: writer.tables });
      let last = walk.next();
      while (last.done !== true) last = walk.next();
      assert.equal(last.value.sound, true);
      await writer.close();
    }
  });
});
