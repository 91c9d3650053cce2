/** A trail whose index is behind its events: what queries, checks, retention and a new start make of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { AuditReader, type AuditRecord, AuditWriter, auditFits } from '../../src/store/audit-log.ts';
import type { AuditFilter } from '../../src/store/audit-store.ts';
import { compactAudit } from '../../src/store/retention.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { positionKey } from '../../src/store/store-keys.ts';
import { DigestBook } from '../../src/store/table-digest.ts';
import { type VerifyResult, verifySteps } from '../../src/store/verify.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import { auditEvent } from './audit-store-contract.ts';
import { hasCode } from './contract-fixture.ts';
import { placesIn } from './damage-fixture.ts';
import { at, tempDirectory } from './store-fixture.ts';

const none = 0;
const all = Number.POSITIVE_INFINITY;

function recordOf(event: AuditEvent): AuditRecord {
  return { at: event.at, frame: encodeAuditEvent(event) };
}

function verify({ tables }: AuditWriter): VerifyResult['problems'] {
  const walk = verifySteps({ audit: tables }, { step: 7 });
  for (;;) {
    const step = walk.next();
    if (step.done === true) return step.value.problems;
  }
}

/** The trail as it should be, in memory. */
class Model {
  readonly directory: string;
  writer: AuditWriter;
  events: AuditEvent[] = [];
  #tick = 1;

  private constructor(directory: string, writer: AuditWriter) {
    this.directory = directory;
    this.writer = writer;
  }

  static async open(t: TestContext): Promise<Model> {
    const directory = join(tempDirectory(t), 'audit');
    const model = new Model(directory, await AuditWriter.open(directory));
    t.after(() => model.writer.close());
    return model;
  }

  append(count: number, random: SeededRandom, toIndex?: number): void {
    const events = Array.from({ length: count }, () => this.next(random));
    this.writer.append(events.map(recordOf), toIndex);
    this.events.push(...events);
  }

  next(random: SeededRandom): AuditEvent {
    // Times that nobody wrote at are left between: a repair may find an event for one of them.
    this.#tick += random.int(1, 3);
    return auditEvent(this.#tick, {
      action: random.pick(['acquired', 'released', 'denied', 'forced'] as const),
      holder: `claude:${random.int(1, 4)}`,
      lock: `lock-${random.int(1, 6)}`,
      targets: Array.from({ length: random.int(0, 3) }, () => `src/${random.int(1, 5)}.ts`),
    });
  }

  /** An event of a time at which none is, below the newest. */
  late(random: SeededRandom, toIndex?: number): void {
    const taken = new Set(this.events.map((event) => event.at));
    const [oldest] = this.events;
    if (oldest === undefined) return;
    for (let time = oldest.at + 1; time < this.writer.newest(); time += 1) {
      if (taken.has(time as HlcTime)) continue;
      const event = { ...this.next(random), at: time as HlcTime };
      this.writer.append([recordOf(event)], toIndex);
      this.events = [...this.events, event].sort((a, b) => a.at - b.at);
      return;
    }
  }

  async reopen(): Promise<void> {
    await this.writer.close();
    this.writer = await AuditWriter.open(this.directory);
  }

  assertAnswers(filter: AuditFilter): void {
    const expected = this.events.filter((event) => auditFits(event, filter)).reverse();
    const reader = new AuditReader(this.writer.tables);
    const found: AuditEvent[] = [];
    let cursor = filter.cursor;
    for (;;) {
      const page = reader.query({ ...filter, limit: 5, ...(cursor !== undefined && { cursor }) });
      found.push(...page.events);
      if (page.cursor === undefined) break;
      cursor = page.cursor;
    }
    assert.deepEqual(found, expected, JSON.stringify(filter));
  }
}

const filters = [
  {},
  { holder: 'claude:2' },
  { lock: 'lock-3' },
  { action: 'denied' },
  { action: 'acquired' },
  { project: 'github.com/acme/app', path: 'src/4.ts' },
  { holder: 'claude:1', action: 'forced' },
] as readonly AuditFilter[];

async function assertSound(model: Model, what: string): Promise<void> {
  for (const filter of filters) model.assertAnswers(filter);
  const { events } = model;
  const [some, more] = [events[events.length >> 2], events[(events.length * 3) >> 2]];
  if (some !== undefined && more !== undefined)
    for (const filter of filters) model.assertAnswers({ ...filter, from: some.at, to: more.at });
  assert.deepEqual(verify(model.writer), [], what);
  const { audit } = await checkAtStart(placesIn(join(model.directory, '..')));
  assert.deepEqual(audit.problems, [], what);
}

describe('an audit index that is behind', () => {
  it('changes no answer and no check, whatever is done to the trail', async (t) => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const model = await Model.open(t);
    let mostBehind = 0;
    for (let step = 0; step < 150; step += 1) {
      const choice = random.next();
      if (choice < 0.5) model.append(random.int(1, 30), random, random.pick([none, none, 3, all]));
      else if (choice < 0.7) model.writer.indexOldest(random.int(1, 40));
      else if (choice < 0.8) model.late(random, random.pick([none, all]));
      else if (choice < 0.9) await model.reopen();
      else {
        const before = model.events[random.int(0, Math.max(0, model.events.length - 1))]?.at ?? at(1);
        for (const _ of compactAudit(model.writer.tables, before, { maxPerTransaction: 11 }));
        model.events = model.events.filter((event) => event.at >= before);
      }
      mostBehind = Math.max(mostBehind, model.writer.unindexed);
      await assertSound(model, `seed ${seed}, step ${step}`);
    }
    assert.ok(mostBehind > 30, `it was behind by ${mostBehind} at most`);
    while (model.writer.unindexed > 0) model.writer.indexOldest(50);
    const { holder } = model.writer.tables;
    assert.equal(holder.count(), model.events.length);
    await assertSound(model, `seed ${seed}, at the end`);
  });

  it('is caught up with from the oldest on, and goes on after a new start', async (t) => {
    const model = await Model.open(t);
    const random = seededRandom(1);
    model.append(10, random, none);
    model.append(10, random, 4);
    assert.equal(model.writer.unindexed, 16);
    await model.reopen();
    assert.equal(model.writer.unindexed, 16);
    assert.equal(model.writer.tables.holder.count(), 4);
    model.writer.indexOldest(15);
    assert.equal(model.writer.unindexed, 1);
    model.writer.indexOldest(15);
    assert.equal(model.writer.unindexed, 0);
    assert.equal(model.writer.tables.holder.count(), 20);
    model.append(5, random);
    assert.equal(model.writer.tables.holder.count(), 25);
  });

  it('of a trail from before any was behind has all', async (t) => {
    const model = await Model.open(t);
    model.append(8, seededRandom(2));
    const { tables } = model.writer;
    const { newest, dropped } = new DigestBook(tables.meta);
    const stored = tables.meta.need('digest', (value): value is { tables: object } => value !== undefined);
    tables.environment.write(() => tables.meta.put('digest', { newest, dropped, tables: stored.tables }));
    await assertSound(model, 'as an older version left it');
    await model.reopen();
    assert.equal(model.writer.unindexed, 0);
    assert.equal(new DigestBook(model.writer.tables.meta).indexed, newest);
    model.append(8, seededRandom(3), none);
    await assertSound(model, 'gone on with');
  });

  it('misses no entry without a check that says so', async (t) => {
    const model = await Model.open(t);
    model.append(6, seededRandom(4));
    const { tables } = model.writer;
    tables.environment.write(() => {
      const book = new DigestBook(tables.meta);
      const [key] = [...tables.holder.keys()];
      assert.ok(key);
      tables.holder.remove(key);
      book.save();
    });
    assert.match(verify(model.writer)[0]?.what ?? '', /missing/);
  });

  it('has an entry too many only if a check says so', async (t) => {
    const model = await Model.open(t);
    model.append(6, seededRandom(5), none);
    const { tables } = model.writer;
    const [first] = model.events;
    assert.ok(first);
    tables.environment.write(() =>
      tables.lock.put(Buffer.concat([Buffer.from('\0lock-1\0'), positionKey(first.at)]), Buffer.of(0)),
    );
    assert.match(verify(model.writer)[0]?.what ?? '', /belongs to no event/);
  });

  it('does not wait for an event that was damaged meanwhile, which a query and a check name', async (t) => {
    const model = await Model.open(t);
    model.append(6, seededRandom(6), none);
    const { tables } = model.writer;
    const third = model.events[2];
    assert.ok(third);
    tables.environment.write(() => tables.events.put(positionKey(third.at), Buffer.from('no event at all')));
    assert.throws(
      () => new AuditReader(tables).query({ holder: third.holder ?? ('' as never) }),
      hasCode('STORE_DAMAGED'),
    );
    model.writer.indexOldest(100);
    assert.equal(model.writer.unindexed, 0);
    assert.equal(tables.holder.count(), 5);
    assert.match(verify(model.writer)[0]?.what ?? '', /checksum/);
  });

  it('takes no event that is not as it was encoded', async (t) => {
    const model = await Model.open(t);
    const event = model.next(seededRandom(7));
    const frame = Buffer.from(encodeAuditEvent(event));
    frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
    assert.throws(() => model.writer.append([{ at: event.at, frame }], none), hasCode('STORE_DAMAGED'));
    assert.equal(model.writer.tables.events.count(), 0);
  });
});
