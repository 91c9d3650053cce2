/** What was promised by a moment, and each way in which a store that opens can break it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { momentsOf } from '../../crash-tests/power-loss/disk-model.ts';
import { Replay } from '../../crash-tests/power-loss/draw-states.ts';
import { judge, type Opened, type OpenedDelta } from '../../crash-tests/power-loss/judge.ts';
import { contentDigest, type Expectation, Promises } from '../../crash-tests/power-loss/promises.ts';
import type { LivedOperation, Recording } from '../../crash-tests/power-loss/record.ts';
import { answersMissed, differencesFromDisk } from '../../crash-tests/power-loss/replay-check.ts';
import { fromAnotherBoot, writeState } from '../../crash-tests/power-loss/state-files.ts';
import { seededRandom } from '../support/seed.ts';

const digest = (id: string) => contentDigest('src/a.ts', `content of ${id}`);
const recording: Recording = {
  watched: '/watched',
  traces: [],
  promised: [
    ...['n:1', 'n:2'].map((id) => ({
      id,
      path: 'src/a.ts',
      content: `content of ${id}`,
      life: 0,
      aged: true,
    })),
    ...['n:3', 'n:4'].map((id) => ({
      id,
      path: 'src/a.ts',
      content: `content of ${id}`,
      life: 1,
      aged: false,
    })),
  ],
  compactedFrom: 2_000,
  agedBefore: 100,
};

function answer(begin: number, life: number, body: object): LivedOperation {
  const text = `HTTP/1.1 200 OK\r\n\r\n${JSON.stringify({ ok: true, data: body })}`;
  return { kind: 'answer', begin, end: begin + 1, number: begin, life, text };
}

const shared = (begin: number, life: number, id: string) =>
  answer(begin, life, { context: { id, path: 'src/a.ts' }, durability: 'flushed' });

const answers: readonly LivedOperation[] = [
  shared(10, 0, 'n:1'),
  shared(20, 0, 'n:2'),
  // Merely accepted in this life; the promise is of the next.
  shared(30, 0, 'n:3'),
  answer(40, 0, { events: [{ cursor: 50, fence: 5 }], cursor: 50 }),
  shared(1_010, 1, 'n:3'),
  answer(1_020, 1, { lock: { id: 'lock', fence: 9 } }),
  answer(1_030, 1, { events: [{ cursor: 150, fence: 9 }] }),
  answer(2_010, 1, { dropped: 2, auditDropped: 1, reclaimedBytes: 4096 }),
  shared(2_020, 1, 'n:4'),
];

function expectedAt(time: number): Expectation {
  const promises = new Promises(recording);
  for (const moment of momentsOf(answers))
    if ((moment.edge === 'begin' ? moment.operation.begin : moment.operation.end) <= time)
      promises.advance(moment);
  return promises.expectation();
}

function delta(position: number, changes: Partial<OpenedDelta> = {}): OpenedDelta {
  const id = `n:${position}`;
  return { id, source: 'n', seq: position, position, digest: digest(id), ...changes };
}

function opened(changes: Partial<Opened> = {}): Opened {
  return {
    look: { sound: true, damage: [] },
    findings: [],
    floor: 1,
    head: 3,
    fenceFloor: 10,
    deltas: [delta(1), delta(2), delta(3)],
    events: new Set([50, 150]),
    problems: [],
    ...changes,
  };
}

describe('the promises of a recording', () => {
  it('grow as answers go out, each from the moment on at which it begins', () => {
    assert.deepEqual([...expectedAt(9).aged.keys()], []);
    assert.deepEqual([...expectedAt(10).aged.keys()], ['n:1']);
    assert.deepEqual([...expectedAt(20).aged.keys()], ['n:1', 'n:2']);
    assert.deepEqual([...expectedAt(1_010).deltas], [['n:3', digest('n:3')]]);
  });

  it('are of the life that gave them: an accepted delta may have had the same id', () => {
    assert.deepEqual([...expectedAt(30).deltas.keys()], []);
  });

  it('hold the highest fence and the audit events that were shown', () => {
    assert.equal(expectedAt(39).fence, 0);
    assert.equal(expectedAt(1_019).fence, 5);
    assert.equal(expectedAt(1_020).fence, 9);
    assert.deepEqual([...expectedAt(1_030).events], [150]);
    assert.deepEqual([...expectedAt(1_030).agedEvents], [50]);
  });

  it('tell how far compaction is, and whether anybody was answered', () => {
    const told = [9, 10, 1_999, 2_009, 2_010].map((time) => expectedAt(time));
    assert.deepEqual(
      told.map(({ begun }) => begun),
      [false, true, true, true, true],
    );
    assert.deepEqual(
      told.map(({ compaction }) => compaction),
      ['not begun', 'not begun', 'not begun', 'not begun', 'done'],
    );
    const wrote: LivedOperation = { kind: 'sync', path: 'x', begin: 2_000, end: 2_001, number: 1, life: 1 };
    const promises = new Promises(recording);
    promises.advance({ operation: wrote, edge: 'begin' });
    assert.equal(promises.expectation().compaction, 'under way');
  });

  it('show every answer that was given, or the recording cannot be trusted', () => {
    assert.deepEqual(answersMissed(expectedAt(3_000), recording), []);
    assert.match(answersMissed(expectedAt(2_010), recording).join(), /shows 3 of 4 shares/);
    assert.equal(answersMissed(expectedAt(0), recording).length, 5);
  });

  it('pass over what a piece of an answer cuts in two', () => {
    const promises = new Promises(recording);
    const text = '{"cursor":15';
    const operation: LivedOperation = { kind: 'answer', text, begin: 5, end: 6, number: 1, life: 1 };
    promises.advance({ operation, edge: 'begin' });
    assert.deepEqual([...promises.expectation().events, ...promises.expectation().agedEvents], []);
  });
});

describe('the judgement of a store that opened', () => {
  const before = expectedAt(1_999);

  it('finds nothing wrong with one that holds everything, and more than was promised', () => {
    assert.deepEqual(judge(opened(), before), []);
    assert.deepEqual(judge(opened(), expectedAt(0)), []);
  });

  const broken: readonly (readonly [what: string, store: Partial<Opened>, problem: RegExp])[] = [
    [
      'a flushed delta that is lost',
      { deltas: [delta(1), delta(2)], head: 2 },
      /n:3, answered as flushed, is lost/,
    ],
    [
      'a flushed delta with another content',
      { deltas: [delta(1), delta(2), delta(3, { digest: 'x' })] },
      /n:3, answered as flushed, has another content/,
    ],
    [
      'an old delta that is lost before anything was compacted',
      { deltas: [delta(2), delta(3)], floor: 2 },
      /n:1, answered as flushed, is lost/,
    ],
    ['a position that is empty', { deltas: [delta(1), delta(3)] }, /position 2 is missing/],
    ['a log that ends before its head', { head: 4 }, /ends at 3, its head is 4/],
    ['a log that begins behind its floor', { floor: 0 }, /position 0 is missing/],
    [
      'a seq that is left out',
      { deltas: [delta(1), delta(2), delta(3, { seq: 4 })] },
      /seq 4 of n follows 2/,
    ],
    ['a fence that could be given again', { fenceFloor: 8 }, /fences go on above 8, but 9 was given/],
    ['an audit event that is lost', { events: new Set([50]) }, /the audit event of 150 is lost/],
    ['an old audit event that is lost', { events: new Set([150]) }, /the old audit event of 50 is lost/],
    ['what verify says', { problems: ['verify: index x: y'] }, /verify: index x: y/],
    [
      'a log that had to be repaired',
      { look: { sound: false, damage: ['delta: page 1: x'] } },
      /needed a repair: delta: page 1: x/,
    ],
  ];
  for (const [what, store, problem] of broken)
    it(`finds ${what}`, () => {
      assert.match(judge(opened(store), before).join('\n'), problem);
    });

  it('finds a store that did not open', () => {
    const look = { sound: true, damage: [] };
    assert.deepEqual(judge({ look, failed: 'STORE_DAMAGED: x' }, before), [
      'does not open: STORE_DAMAGED: x',
    ]);
  });

  it('lets an index be begun anew, and anything be repaired before the first answer', () => {
    const look = { sound: false, damage: ['index: page 1: x'] };
    assert.deepEqual(judge(opened({ look }), before), []);
    const empty = {
      look: { sound: false, damage: ['delta: page 0: x'] },
      deltas: [],
      head: 0,
      events: new Set<number>(),
    };
    assert.deepEqual(judge(opened(empty), expectedAt(0)), []);
  });

  it('lets compaction that is under way have dropped all or nothing', () => {
    const underWay: Expectation = { ...expectedAt(1_999), compaction: 'under way' };
    const dropped = { deltas: [delta(3)], floor: 3, events: new Set([150]) };
    assert.deepEqual(judge(opened(), underWay), []);
    assert.deepEqual(judge(opened(dropped), underWay), []);
    assert.match(
      judge(opened({ deltas: [delta(2), delta(3)], floor: 2 }), underWay).join(),
      /n:1, .* is lost/,
    );
  });

  it('finds that what was dropped is back', () => {
    const done = expectedAt(2_010);
    assert.deepEqual(judge(opened({ deltas: [delta(3)], floor: 3, events: new Set([150]) }), done), []);
    const problems = judge(opened(), done).join();
    assert.match(problems, /2 deltas that were dropped are back/);
    assert.match(problems, /1 audit events that were dropped are back/);
  });
});

describe('a replay', () => {
  const at = (begin: number, life: number) => ({ begin, end: begin + 0.5, number: begin, life });
  const path = 'store/data.mdb';
  const operations: readonly LivedOperation[] = [
    { kind: 'mkdir', path: 'store', ...at(0, 0) },
    { kind: 'sync', path: '', ...at(1, 0) },
    { kind: 'create', path, ...at(1.6, 0) },
    { kind: 'sync', path: 'store', ...at(2.2, 0) },
    { kind: 'write', path, offset: 0, data: Buffer.alloc(8192, 'a'), synced: false, ...at(3, 0) },
    { kind: 'write', path, offset: 40, data: Buffer.alloc(128, 'b'), synced: true, ...at(4, 0) },
    shared(5, 0, 'n:1'),
    { kind: 'sync', path, ...at(7, 0) },
  ];

  it('draws only where the disk can be in several states, when most has been promised', () => {
    const replay = new Replay(recording, operations);
    const drawn = replay.eligible('strict').map((moment) => {
      const { operation, edge } = replay.moments[moment] ?? assert.fail();
      return `${edge} ${operation.kind}`;
    });
    // Not as the second write ends and the answer begins, but as that ends; and not once all is synced.
    assert.deepEqual(drawn, [
      ...['begin mkdir', 'end mkdir', 'begin sync', 'begin create', 'end create', 'begin sync'],
      ...['begin write', 'end write', 'begin write', 'end answer', 'begin sync'],
    ]);
  });

  it('counts the commits that the disk has not', () => {
    const numbered = (transaction: number) => {
      const data = Buffer.alloc(128, 0);
      data.writeBigUInt64LE(BigInt(transaction), 112);
      return data;
    };
    const commits: readonly LivedOperation[] = [
      ...operations.slice(0, 4),
      { kind: 'write', path, offset: 0, data: Buffer.alloc(8192), synced: false, ...at(3, 0) },
      { kind: 'write', path, offset: 40, data: numbered(6), synced: true, ...at(4, 0) },
      { kind: 'write', path, offset: 4136, data: numbered(7), synced: false, ...at(5, 0) },
    ];
    const replay = new Replay(recording, commits);
    const last = replay.moments.length - 1;
    assert.deepEqual(
      replay.commits().map((moment) => replay.moments[moment]?.operation.begin),
      [4, 5],
    );
    const draws = (['none', 'all'] as const).map((variant) => ({
      rule: 'strict' as const,
      at: last,
      variant,
      seed: 1,
    }));
    assert.deepEqual(
      [...replay.states(draws, 'strict')].map(({ commitsLost }) => commitsLost),
      [1, 0],
    );
  });

  it('ends with the files that are there, or says what is different', () => {
    const watched = mkdtempSync(join(tmpdir(), 'agent-collab-replay-'));
    try {
      const { model } = new Replay(recording, operations).end();
      mkdirSync(join(watched, 'store'));
      const data = Buffer.alloc(8192, 'a');
      data.fill('b', 40, 168);
      writeFileSync(join(watched, path), data);
      assert.deepEqual(differencesFromDisk(model, watched), []);
      writeFileSync(join(watched, path), data.fill('c', 41, 42));
      mkdirSync(join(watched, 'more'));
      assert.deepEqual([...differencesFromDisk(model, watched)].sort(), [
        'more is there, and not in the replay',
        'store/data.mdb has other contents',
      ]);
      rmSync(join(watched, path));
      assert.match(differencesFromDisk(model, watched).join(), /data\.mdb is in the replay, and not there/);
    } finally {
      rmSync(watched, { recursive: true, force: true });
    }
  });
});

describe('a state on disk', () => {
  it('was written in another boot, and has anything in its table of readers', () => {
    const directory = mkdtempSync(join(tmpdir(), 'agent-collab-state-'));
    try {
      const data = Buffer.alloc(8192, 0);
      data.writeBigUInt64LE(77n, 160);
      const files = new Map<string, Buffer | 'directory'>([
        ['lmdb', 'directory'],
        ['lmdb/data.mdb', data],
        ['lmdb/lock.mdb', Buffer.alloc(8400)],
        ['key.json', Buffer.from('{}')],
      ]);
      writeState(directory, files, seededRandom(1));
      const written = readFileSync(join(directory, 'lmdb/data.mdb'));
      assert.notEqual(written.readBigUInt64LE(160), 77n);
      // A page that no commit wrote has no boot, and nothing else is changed.
      assert.equal(written.readBigUInt64LE(4096 + 160), 0n);
      written.writeBigUInt64LE(77n, 160);
      assert.ok(written.equals(data));
      const readers = readFileSync(join(directory, 'lmdb/lock.mdb'));
      assert.equal(readers.length, 8400);
      assert.ok(new Set(readers).size > 200);
      assert.equal(readFileSync(join(directory, 'key.json'), 'utf8'), '{}');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('is left as it is where it ends before the number of the boot', () => {
    for (const length of [0, 100, 167])
      assert.deepEqual(fromAnotherBoot(Buffer.alloc(length, 1)), Buffer.alloc(length, 1));
  });
});
