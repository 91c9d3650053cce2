import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { compactAudit, compactLog } from '../../src/store/retention.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { digestOf, readFacts } from '../../src/store/store-facts.ts';
import { entryHash, isStoredDigest, pairHash } from '../../src/store/table-digest.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import { auditEvent } from './audit-store-contract.ts';
import { placesIn } from './damage-fixture.ts';
import { indexedKeys } from './index-fixture.ts';
import { append, openParts, own, type Parts } from './log-fixture.ts';
import { Author, at, baseTime, tempDirectory, testNode } from './store-fixture.ts';

interface Work {
  readonly parts: Parts;
  readonly audit: AuditWriter;
  readonly authors: readonly [Author, Author];
  readonly random: SeededRandom;
}

/** Something that a lane or a person does to the stores. */
const actions: Readonly<Record<string, (work: Work) => void>> = {
  append: ({ parts, authors, random }) => {
    const incoming = Array.from({ length: random.int(1, 60) }, () => {
      const path = `src/${random.int(0, 9)}/${'long'.repeat(random.chance(0.02) ? 150 : 1)}${random.int(0, 99)}`;
      return random.chance(0.3) ? authors[1].foreign({ path }) : authors[0].own({ path });
    });
    append(parts, incoming);
  },
  index: ({ parts, random }) => void parts.index.applyUpTo(random.int(1, 3000)),
  rebuild: ({ parts, random }) => {
    if (random.chance(0.2)) parts.index.rebuild();
  },
  audit: ({ audit, random }) => {
    const tick = Math.max(audit.newest(), baseTime) - baseTime;
    const events = Array.from({ length: random.int(1, 60) }, (_, n) =>
      auditEvent(tick + 1 + n, {
        action: random.pick(['acquired', 'denied', 'forced'] as const),
        holder: `claude:${random.int(1, 5)}`,
        lock: `lock-${random.int(1, 20)}`,
        targets: Array.from({ length: random.int(0, 4) }, (_, path) => `src/${path}.ts`),
      }),
    );
    const records = events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) }));
    // Beside a burst the index waits.
    audit.append(records, random.pick([0, 10, Number.POSITIVE_INFINITY]));
    // A lane that died before it released them appends them again.
    if (random.chance(0.3)) audit.append(records);
    if (random.chance(0.5)) audit.indexOldest(random.int(1, 50));
  },
  'drop deltas': ({ parts, random }) => {
    const before = (parts.log.headState().clock - random.int(0, 200)) as HlcTime;
    const steps = compactLog(
      parts.log.view,
      parts.index.tables,
      { before },
      { maxPerTransaction: random.int(1, 40) },
    );
    // Ended anywhere, as by a kill.
    for (let left = random.int(0, 12); left > 0 && steps.next().done !== true; left--);
  },
  'drop events': ({ audit, random }) => {
    const before = Math.max(0, audit.newest() - random.int(0, 150)) as HlcTime;
    const steps = compactAudit(audit.tables, before, { maxPerTransaction: random.int(1, 40) });
    for (let left = random.int(0, 4); left > 0 && steps.next().done !== true; left--);
  },
};

async function begin(t: Parameters<typeof openParts>[0], directory: string, seed: number): Promise<Work> {
  const parts = await openParts(t, directory, { batch: 37 });
  const audit = await AuditWriter.open(join(directory, 'audit'));
  t.after(() => audit.close());
  const authors = [new Author(own), new Author(testNode('peer'), at(-300))] as const;
  return { parts, audit, authors, random: seededRandom(seed) };
}

async function assertCounted(directory: string, what: string): Promise<void> {
  const { delta, index, audit } = await checkAtStart(placesIn(directory));
  assert.deepEqual([...delta.problems, ...index.problems, ...audit.problems], [], what);
}

describe('the digest of a table', () => {
  it('is that of a recount after whatever is done to the stores', async (t) => {
    const seed = testSeed();
    const directory = tempDirectory(t);
    const work = await begin(t, directory, seed);
    const done: string[] = [];
    const most = { index: 0, audit: 0 };
    for (let step = 0; step < 250; step++) {
      const name = work.random.pick(Object.keys(actions));
      actions[name]?.(work);
      done.push(name);
      await assertCounted(directory, `seed ${seed}, step ${step}: ${done.slice(-5).join(', ')}`);
      most.index = Math.max(most.index, indexedKeys(work.parts.index.tables, 'time').length);
      most.audit = Math.max(most.audit, work.audit.tables.events.count());
    }
    assert.ok(most.index > 100 && most.audit > 100, `${JSON.stringify(most)}: there was something to count`);
  });

  it('is not changed by a transaction that is given up', async (t) => {
    const directory = tempDirectory(t);
    const { parts, audit, authors } = await begin(t, directory, 1);
    append(parts, authors[0].owns(20, { path: 'a' }));
    parts.index.applyUpTo(20);
    const { environment, runs } = parts.index.tables;
    const give = () =>
      environment.write(() => {
        const { next, live } = runs.state();
        const span = { first: 21, last: 30, times: [1, 2] } as const;
        runs.add({ span, tables: [0, 1, 2].map(() => ({ keys: 0, blocks: [] })) });
        assert.equal(runs.live().length, live.length + 1);
        assert.equal(runs.state().next, next + 1);
        throw new Error('given up');
      });
    assert.throws(give, /given up/);
    const event = { at: at(1), frame: encodeAuditEvent(auditEvent(1)) };
    assert.throws(() => audit.append([event, { at: at(2), frame: Buffer.from('no event') }]));
    await assertCounted(directory, 'after both');
    assert.equal(audit.newest(), 0);
    parts.index.tables.environment.refresh();
    assert.equal(runs.live().at(-1)?.last, 20);
  });

  it('remembers the newest event when retention has dropped it', async (t) => {
    const directory = tempDirectory(t);
    const { audit } = await begin(t, directory, 1);
    audit.append([{ at: at(7), frame: encodeAuditEvent(auditEvent(7)) }]);
    for (const _ of compactAudit(audit.tables, at(100)));
    assert.equal(audit.tables.events.count(), 0);
    assert.equal(audit.newest(), at(7));
    audit.raiseSpan({ newest: at(3) });
    assert.equal(audit.newest(), at(7));
    audit.raiseSpan({ newest: at(9) });
    assert.equal(audit.newest(), at(9));
    await assertCounted(directory, 'after all of it');
  });

  it('is made by the writer of a store from before there were any, and kept from then on', async (t) => {
    const directory = tempDirectory(t);
    const { parts, audit, authors } = await begin(t, directory, 1);
    append(parts, authors[0].owns(30, { path: 'a' }));
    parts.index.applyUpTo(30);
    await actions.audit?.({ parts, audit, authors, random: seededRandom(1) });
    // An older version writes nothing of the kind.
    audit.tables.environment.write(() => audit.tables.meta.remove('digest'));
    const events = audit.tables.events.count();
    assert.equal(digestOf(readFacts(join(directory, 'audit'))), undefined);
    await (await AuditWriter.open(join(directory, 'audit'))).close();
    assert.equal(digestOf(readFacts(join(directory, 'audit')))?.tables.events?.[0], events);
    await actions.audit?.({ parts, audit, authors, random: seededRandom(2) });
    await assertCounted(directory, 'after more of it');
  });

  it('of the wrong form is no digest', () => {
    const wrong = [
      undefined,
      null,
      1,
      {},
      { tables: [], newest: -1 },
      { tables: { a: [1] } },
      { tables: { a: [1, -1] } },
      { tables: {}, indexed: -1 },
    ];
    for (const value of wrong) assert.equal(isStoredDigest(value), false, JSON.stringify(value));
    assert.equal(isStoredDigest({ tables: { a: [1, 2] }, newest: 3 }), true);
  });
});

describe('the hash of an entry', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random.int(0, 255)));

  it('is the same wherever key and value lie', () => {
    for (let round = 0; round < 500; round++) {
      const [key, value] = [bytes(random.int(1, 40)), bytes(random.int(0, 12))];
      const memory = new Uint8Array(128);
      const keyAt = random.int(0, 20) * 2;
      memory.set(key, keyAt);
      memory.set(value, keyAt + key.length);
      const halves = new Uint16Array(memory.buffer);
      const inPage = entryHash(memory, halves, keyAt, key.length, value.length);
      assert.equal(inPage, pairHash(key, value, value.length), `seed ${seed}`);
    }
  });

  it('is another one when a bit of it is flipped, or bytes move between key and value', () => {
    for (let round = 0; round < 200; round++) {
      const [key, value] = [bytes(random.int(2, 40)), bytes(random.int(1, 12))];
      const hash = pairHash(key, value, value.length);
      for (const part of [key, value])
        for (let bit = 0; bit < part.length * 8; bit++) {
          part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          assert.notEqual(pairHash(key, value, value.length), hash, `seed ${seed}, bit ${bit}`);
          part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
      const moved = Buffer.concat([key.subarray(-1), value]);
      assert.notEqual(pairHash(key.subarray(0, -1), moved, moved.length), hash, `seed ${seed}`);
    }
  });

  it('counts a value as far as it is told to', () => {
    const [key, value] = [bytes(8), bytes(30)];
    const other = Buffer.from(value);
    other[4] = (other[4] ?? 0) ^ 1;
    assert.equal(pairHash(key, value, 4), pairHash(key, other, 4));
    assert.notEqual(pairHash(key, value, 5), pairHash(key, other, 5));
  });
});
