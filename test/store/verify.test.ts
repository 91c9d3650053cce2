import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { decodeDeltaFrame, encodeDeltaFrame } from '../../src/delta/delta-frame.ts';
import { headOf } from '../../src/delta/delta-head.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { namePrefix, withAt } from '../../src/store/audit-tables.ts';
import { openIndexEnvironment } from '../../src/store/delta-index.ts';
import { indexKeys, type RunTable } from '../../src/store/index-tables.ts';
import { sourcePrefix } from '../../src/store/log-view.ts';
import { MetaTable } from '../../src/store/meta-table.ts';
import type { Run } from '../../src/store/sorted-runs.ts';
import { positionKey } from '../../src/store/store-keys.ts';
import { verifySteps, verifyStores } from '../../src/store/verify.ts';
import { maxListedProblems, type VerifyResult } from '../../src/store/verify-report.ts';
import { auditEvent } from './audit-store-contract.ts';
import { replaceKey } from './index-fixture.ts';
import { append, closeParts, openParts, own, type Parts } from './log-fixture.ts';
import { Author, at, tempDirectory, testNode } from './store-fixture.ts';

interface Stores extends Parts {
  readonly audit: AuditWriter;
}

const peer = testNode('peer');

async function filled(t: TestContext, directory = tempDirectory(t)): Promise<Stores> {
  const parts = await openParts(t, directory);
  const [author, other] = [new Author(own), new Author(peer)];
  for (let i = 0; i < 10; i++)
    append(parts, [author.own({ path: `p${i % 3}` }), other.foreign(), author.own()]);
  parts.index.applyUpTo(30);
  const audit = await AuditWriter.open(join(directory, 'audit'));
  t.after(() => audit.close());
  const events = [1, 2, 3, 4, 5].map((tick) => auditEvent(tick, { action: 'denied' }));
  audit.append(events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) })));
  return { ...parts, audit };
}

/** Where they lie, and nobody has them open. */
async function stopped(t: TestContext) {
  const directory = tempDirectory(t);
  const stores = await filled(t, directory);
  await stores.audit.close();
  await closeParts(stores);
  const at = (name: string) => join(directory, name);
  return { delta: at('delta'), index: at('index'), audit: at('audit') };
}

function verify({ log, index, audit }: Stores, step = 4): VerifyResult {
  const walk = verifySteps({ log: log.view, index: index.tables, audit: audit.tables }, { step });
  for (;;) {
    const next = walk.next();
    if (next.done === true) return next.value;
  }
}

/** What the damage looks like, and words that must be in one of the problems found. */
type Damage = readonly [name: string, words: string, damage: (stores: Stores) => void];

function frameOf({ log }: Stores, position: number): Buffer {
  const frame = log.view.frame(position);
  assert.ok(frame);
  return frame;
}

/** Rewrites a frame with a right checksum, so that only the chain can tell. */
function rewrite(
  stores: Stores,
  position: number,
  change: { prev?: Uint8Array; text?: string; unsign?: true },
): void {
  const frame = decodeDeltaFrame(position, frameOf(stores, position));
  const delta = stores.log.view.delta(position);
  const body =
    change.text === undefined
      ? frame.body
      : encodeDeltaBody({ ...delta, payload: { ...delta.payload, text: change.text } });
  const signature = change.unsign ? undefined : frame.signature;
  stores.log.view.log.put(
    positionKey(position),
    encodeDeltaFrame(position, change.prev ?? frame.prev, body, signature),
  );
}

const logDamages: readonly Damage[] = [
  ...[0, 4, 5, 10, 45, 100, -1].map(
    (offset): Damage => [
      `a bit flipped at byte ${offset} of a frame`,
      'position 8',
      (stores) => {
        const frame = frameOf(stores, 8);
        const index = offset < 0 ? frame.length - 1 : offset;
        frame[index] = (frame[index] ?? 0) ^ 0x10;
        stores.log.view.log.put(positionKey(8), frame);
      },
    ],
  ),
  [
    'a frame cut short',
    'position 8',
    (s) => s.log.view.log.put(positionKey(8), frameOf(s, 8).subarray(0, 60)),
  ],
  ['a frame under another position', 'position 8', (s) => s.log.view.log.put(positionKey(8), frameOf(s, 9))],
  ['a frame missing', 'position 8 is missing', (s) => s.log.view.log.remove(positionKey(8))],
  ['the newest frame missing', 'position 30 is missing', (s) => s.log.view.log.remove(positionKey(30))],
  ['the oldest frame missing', 'position 1 is missing', (s) => s.log.view.log.remove(positionKey(1))],
  ['a frame above the head', 'above the head', (s) => s.log.view.log.put(positionKey(31), frameOf(s, 30))],
  ['a frame at position 0', 'below', (s) => s.log.view.log.put(positionKey(0), frameOf(s, 30))],
  ['a body changed with its checksum', 'hash chain', (s) => rewrite(s, 7, { text: 'changed' })],
  ['a signed body changed with its checksum', 'wrong signature', (s) => rewrite(s, 9, { text: 'changed' })],
  [
    'the newest body changed with its checksum',
    'wrong signature',
    (s) => rewrite(s, 30, { text: 'changed' }),
  ],
  ['a link changed with its checksum', 'hash chain', (s) => rewrite(s, 7, { prev: new Uint8Array(32) })],
  ['the newest own signature missing', 'no signature covers', (s) => rewrite(s, 30, { unsign: true })],
  [
    'two deltas exchanged',
    'delta 3 of',
    (s) => {
      const [a, b] = [3, 4].map((position) => decodeDeltaFrame(position, frameOf(s, position)));
      assert.ok(a && b);
      s.log.view.log.put(positionKey(3), encodeDeltaFrame(3, b.prev, b.body, b.signature));
      s.log.view.log.put(positionKey(4), encodeDeltaFrame(4, a.prev, a.body, a.signature));
    },
  ],
  ['a head too low', 'above the head', (s) => s.log.view.meta.put('head', 29)],
  ['a head too high', 'position 31 is missing', (s) => s.log.view.meta.put('head', 31)],
  ['a head missing', 'meta head', (s) => s.log.view.meta.remove('head')],
  ['a floor above the head', 'meta floor', (s) => s.log.view.meta.put('floor', 40)],
  ['a floor below what is trimmed', 'meta floor', (s) => s.log.view.meta.put('trimmed', 3)],
  ['a clock set back', 'meta clock', (s) => s.log.view.meta.put('clock', 5)],
  [
    'a source head too low',
    'source',
    (s) => s.log.view.meta.put(sourcePrefix + own.id, { ...s.log.view.source(own.id), seq: 19 }),
  ],
  [
    'a source head of another hash',
    'source',
    (s) =>
      s.log.view.meta.put(sourcePrefix + own.id, { ...s.log.view.source(own.id), hash: new Uint8Array(32) }),
  ],
  ['a source head missing', 'has no head', (s) => s.log.view.meta.remove(sourcePrefix + peer.id)],
  [
    'a meta value of garbage',
    'checksum',
    (s) => s.log.view.environment.table('meta').put(Buffer.from('floor'), Buffer.from('garbage')),
  ],
];

function keyOf(s: Stores, position: number, table: RunTable): Buffer {
  const { key } =
    indexKeys(position, headOf(s.log.view.delta(position))).find((one) => one.table === table) ?? {};
  assert.ok(key);
  return key;
}

/** The same key, leading elsewhere. */
function leadingTo(key: Buffer, position: number): Buffer {
  const other = Buffer.from(key);
  other.writeUIntBE(position, key.length - 7, 6);
  return other;
}

const indexDamages: readonly Damage[] = [
  ...(['source', 'time', 'path'] as const).flatMap((table): readonly Damage[] => [
    [
      `a key missing from ${table}`,
      `${table} key of position 1 is missing`,
      (s) => replaceKey(s.index.tables, table, keyOf(s, 1, table)),
    ],
    [
      `a key of ${table} that leads elsewhere`,
      'belongs to no delta',
      (s) => replaceKey(s.index.tables, table, keyOf(s, 1, table), leadingTo(keyOf(s, 1, table), 31)),
    ],
    [
      `a key of ${table} of another type`,
      'belongs to no delta',
      (s) => {
        const key = keyOf(s, 1, table);
        const other = Buffer.from(key);
        other[key.length - 1] = 3;
        replaceKey(s.index.tables, table, key, other);
      },
    ],
    [
      `a surplus key in ${table}`,
      'belongs to no delta',
      (s) => replaceKey(s.index.tables, table, undefined, leadingTo(keyOf(s, 4, table), 9)),
    ],
  ]),
  [
    'a bit flipped in a block',
    'checksum',
    (s) => {
      const [entry] = [...s.index.tables.runs.blocks.entries()];
      assert.ok(entry);
      const key = Buffer.from(entry.key);
      const bytes = Buffer.from(entry.value);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      s.index.tables.environment.write(() => s.index.tables.runs.blocks.put(key, bytes));
    },
  ],
  [
    'a run that counts more keys than it has',
    'keys',
    (s) => alterState(s, (run) => ({ ...run, keys: run.keys.map((count) => count + 1) })),
  ],
  [
    'a run that begins behind its time',
    'is in no run',
    (s) => alterState(s, (run) => ({ ...run, first: run.first + 1 })),
  ],
];

function alterState({ index }: Stores, change: (run: Run) => Run): void {
  const { environment, runs } = index.tables;
  environment.write(() => {
    const state = runs.state();
    runs.save({ ...state, live: state.live.map(change) });
  });
}

const auditDamages: readonly Damage[] = [
  [
    'a bit flipped in an event',
    'event',
    (s) => {
      const key = positionKey(at(3));
      const frame = s.audit.tables.events.get(key);
      assert.ok(frame);
      frame[frame.length - 2] = (frame.at(-2) ?? 0) ^ 4;
      s.audit.tables.events.put(key, frame);
    },
  ],
  ['an event missing', 'belongs to no event', (s) => s.audit.tables.events.remove(positionKey(at(3)))],
  [
    'a holder entry missing',
    'holder entry',
    (s) => s.audit.tables.holder.remove(withAt(namePrefix('claude:one'), at(3))),
  ],
  [
    'an action entry missing',
    'action entry',
    (s) => void [...s.audit.tables.action.keys()].slice(0, 1).map((key) => s.audit.tables.action.remove(key)),
  ],
  [
    'a target entry missing',
    'target entry',
    (s) => void [...s.audit.tables.target.keys()].slice(0, 1).map((key) => s.audit.tables.target.remove(key)),
  ],
  [
    'a surplus lock entry',
    'belongs to no event',
    (s) => s.audit.tables.lock.put(withAt(namePrefix('lock-9'), at(3)), Buffer.of(4)),
  ],
  ['an unknown schema', 'schema', (s) => s.audit.tables.meta.put('schema', 9)],
];

describe('verify', () => {
  it('finds nothing in sound stores and says how much it looked at', async (t) => {
    const stores = await filled(t);
    const { sound, checked, problems, problemCount } = verify(stores);
    assert.deepEqual({ sound, problems, problemCount }, { sound: true, problems: [], problemCount: 0 });
    assert.deepEqual(checked, { deltas: 30, signatures: 20, indexEntries: 70 + 20, auditEvents: 5, lost: 0 });
  });

  it('tells its progress in bounded steps', async (t) => {
    const stores = await filled(t);
    const walk = verifySteps(
      { log: stores.log.view, index: stores.index.tables, audit: stores.audit.tables },
      { step: 10 },
    );
    const seen = [...walk];
    assert.ok(seen.length >= 8);
    assert.deepEqual(seen[0], { store: 'delta', done: 10, total: 30 });
  });

  for (const [store, damages] of Object.entries({
    delta: logDamages,
    index: indexDamages,
    audit: auditDamages,
  })) {
    for (const [name, words, damage] of damages) {
      it(`finds ${name}`, async (t) => {
        const stores = await filled(t);
        const { log, index, audit } = stores;
        const environment = { delta: log.view, index: index.tables, audit: audit.tables }[store]?.environment;
        // Those of the index write by themselves.
        if (store === 'index') damage(stores);
        else environment?.write(() => damage(stores));
        const { problems, problemCount, sound } = verify(stores);
        const texts = problems
          .filter((problem) => problem.store === store)
          .map(({ where, what }) => `${where} ${what}`);
        assert.ok(
          texts.some((text) => text.includes(words)),
          `${words} in ${JSON.stringify(problems)}`,
        );
        assert.equal(sound, false);
        assert.equal(problemCount, problems.length);
      });
    }
  }

  it('lists the first problems and counts all', async (t) => {
    const parts = await openParts(t);
    append(parts, new Author(own).owns(maxListedProblems + 50));
    const { view } = parts.log;
    view.environment.write(() => {
      for (let position = 1; position <= maxListedProblems + 50; position++)
        view.log.put(positionKey(position), Buffer.from('garbage'));
    });
    const walk = verifySteps({ log: view });
    let step = walk.next();
    while (step.done !== true) step = walk.next();
    assert.equal(step.value.problems.length, maxListedProblems);
    assert.ok(step.value.problemCount >= maxListedProblems + 50);
  });

  it('passes over an index from before, which the next start makes anew', async (t) => {
    const places = await stopped(t);
    const former = openIndexEnvironment(`${places.index}-former`, { writer: true });
    former.write(() => new MetaTable(former.table('meta')).put('schema', 1));
    await former.close();
    const { problems, checked } = await verifyStores(
      { ...places, index: former.directory },
      { readOnly: true },
    );
    assert.deepEqual(problems, []);
    assert.ok(checked.indexEntries < (await verifyStores(places)).checked.indexEntries);
  });

  it('opens the stores of a stopped daemon and leaves nothing open', async (t) => {
    const places = await stopped(t);
    for (const readOnly of [true, false]) {
      let told = 0;
      const result = await verifyStores(places, { readOnly, onProgress: () => told++ });
      assert.equal(result.sound, true);
      assert.equal(result.checked.deltas, 30);
      assert.ok(told >= 3);
    }
  });
});
