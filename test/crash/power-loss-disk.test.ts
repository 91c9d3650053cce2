/** What the model of the disk allows a power loss to leave: each of its rules, from both sides. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  beyondDisks,
  buildState,
  type CrashState,
  pendingCount,
  type Variant,
  variants,
} from '../../crash-tests/power-loss/crash-states.ts';
import { blockBytes, DiskModel, momentsOf, type NameRule } from '../../crash-tests/power-loss/disk-model.ts';
import type { Operation } from '../../crash-tests/power-loss/file-operations.ts';
import { seededRandom } from '../support/seed.ts';

type Effect = Operation extends infer One
  ? One extends Operation
    ? Omit<One, 'begin' | 'end' | 'number'>
    : never
  : never;

const page = (letter: string, count = 1) => Buffer.alloc(count * blockBytes, letter);
const write = (offset: number, data: Buffer, path = 'file', synced = false): Effect => {
  return { kind: 'write', path, offset, data, synced };
};
const sync = (path = 'file'): Effect => ({ kind: 'sync', path });
const names: Effect = sync('');

/** One after the other; what stands in `inFlight` begins at the end and never returns. */
function after(
  effects: readonly Effect[],
  inFlight: readonly Effect[] = [],
  rule: NameRule = 'strict',
): DiskModel {
  const timed = [
    ...effects.map((effect, at) => ({ ...effect, begin: at * 10, end: at * 10 + 5 })),
    ...inFlight.map((effect) => ({ ...effect, begin: effects.length * 10, end: Number.POSITIVE_INFINITY })),
  ];
  const model = new DiskModel(new Map(), rule);
  const operations = timed.map((one, number) => ({ ...one, number }) as Operation);
  for (const moment of momentsOf(operations)) model.advance(moment);
  return model;
}

/** A file whose name and first contents are on disk. */
const begun: readonly Effect[] = [{ kind: 'create', path: 'file' }, names, write(0, page('a')), sync()];

function state(model: DiskModel, variant: Variant, seed = 1): CrashState {
  return buildState(model, variant, seededRandom(seed));
}

/** The letter of each page of a file, `.` for zeros, `?` for a page that is no single letter. */
function letters({ files }: CrashState, path = 'file'): string | undefined {
  const bytes = files.get(path);
  if (!Buffer.isBuffer(bytes)) return undefined;
  return Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, at) => {
    const block = bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
    const first = block[0] ?? 0;
    if (!block.every((byte) => byte === first)) return '?';
    return first === 0 ? '.' : String.fromCharCode(first);
  }).join('');
}

/** Everything that a file may look like, over many draws. */
function possible(model: DiskModel, variant: Variant = 'any subset', path = 'file'): readonly string[] {
  const found = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) found.add(letters(state(model, variant, seed), path) ?? 'absent');
  return [...found].sort();
}

describe('a write', () => {
  it('may be on disk or not until it is synced, each block for itself', () => {
    const model = after([...begun, write(0, page('b', 2))]);
    assert.deepEqual(possible(model), ['a', 'a.', 'ab', 'b', 'b.', 'bb']);
  });

  it('may be on disk as soon as it has begun', () => {
    assert.deepEqual(possible(after(begun, [write(0, page('b'))])), ['a', 'b']);
  });

  it('is on disk once a sync has returned that began after it had returned', () => {
    const model = after([...begun, write(0, page('b')), sync()]);
    assert.equal(pendingCount(model), 0);
    assert.deepEqual(possible(model), ['b']);
  });

  it('is not put on disk by a sync that is under way, nor by one of another file', () => {
    assert.deepEqual(possible(after([...begun, write(0, page('b'))], [sync()])), ['a', 'b']);
    const other: readonly Effect[] = [{ kind: 'create', path: 'other' }, sync('other')];
    assert.deepEqual(possible(after([...begun, write(0, page('b')), ...other])), ['a', 'b']);
  });

  it('is not covered by a sync that began before it had returned', () => {
    const operations = [
      ...begun.map((effect, at) => ({ ...effect, begin: at * 10, end: at * 10 + 5 })),
      { ...write(0, page('b')), begin: 100, end: 120 },
      { ...sync(), begin: 110, end: 130 },
    ].map((one, number) => ({ ...one, number }) as Operation);
    const model = new DiskModel(new Map());
    for (const moment of momentsOf(operations)) model.advance(moment);
    assert.deepEqual(possible(model), ['a', 'b']);
  });

  it('of a block that was written twice leaves what it was after either', () => {
    const model = after([...begun, write(0, page('b')), write(0, page('c'))]);
    assert.deepEqual(possible(model), ['a', 'b', 'c']);
  });

  it('of a part of a block comes with what stood in the rest of it', () => {
    const model = after([
      ...begun,
      write(0, Buffer.from('b'.repeat(512))),
      write(512, Buffer.from('c'.repeat(512))),
    ]);
    const found = new Set<string>();
    for (let seed = 0; seed < 100; seed += 1) {
      const bytes = state(model, 'any subset', seed).files.get('file');
      assert.ok(Buffer.isBuffer(bytes));
      found.add([bytes[0], bytes[512], bytes[1024]].map((byte) => String.fromCharCode(byte ?? 0)).join(''));
    }
    assert.deepEqual([...found].sort(), ['aaa', 'baa', 'bca']);
  });

  it('through O_DSYNC is on disk when it returns, and takes nothing else along', () => {
    const model = after([...begun, write(blockBytes, page('b')), write(0, page('c'), 'file', true)]);
    assert.deepEqual(possible(model), ['c', 'c.', 'cb']);
  });

  it('may be torn into sectors of 512 bytes, and into nothing smaller', () => {
    const model = after([...begun, write(0, page('b'))]);
    const found = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) {
      const { files, torn } = state(model, 'any subset, torn', seed);
      const bytes = files.get('file');
      assert.ok(Buffer.isBuffer(bytes));
      const sectors = Array.from({ length: 8 }, (_, at) => bytes.subarray(at * 512, (at + 1) * 512));
      for (const sector of sectors) assert.ok(sector.equals(Buffer.alloc(512, sector[0])));
      const text = sectors.map((sector) => String.fromCharCode(sector[0] ?? 0)).join('');
      if (torn === 0) assert.match(text, /^(a{8}|b{8})$/);
      found.add(text);
    }
    assert.ok(found.has('aaaaaaaa') && found.has('bbbbbbbb'));
    // A newer sector behind an older one, and the other way round.
    assert.ok(
      [...found].some((text) => text.startsWith('ab')) && [...found].some((text) => text.startsWith('ba')),
    );
  });

  it('that a process was killed in is seen by the next one, whose sync covers it', () => {
    const model = after([...begun, write(0, page('b'))], [write(0, page('c')), sync()]);
    model.processEnded();
    assert.deepEqual(possible(model), ['a', 'b', 'c']);
    const next = { ...sync(), begin: 1000, end: 1001, number: 1000 } as Operation;
    for (const moment of momentsOf([next])) model.advance(moment);
    assert.deepEqual(possible(model), ['c']);
  });
});

describe('the size of a file', () => {
  it('takes in what a write through O_DSYNC has put there', () => {
    const longer: readonly Effect[] = [
      write(blockBytes, page('b', 2)),
      write(blockBytes, page('c'), 'file', true),
    ];
    assert.deepEqual(possible(after([...begun, ...longer]), 'none'), ['ac']);
  });

  it('may be any that it had, or what its blocks take', () => {
    const model = after([...begun, write(blockBytes, page('b')), write(2 * blockBytes, page('c'))]);
    assert.deepEqual(possible(model), ['a', 'a.', 'a..', 'a.c', 'ab', 'ab.', 'abc']);
  });

  it('is that of the sync once it is synced', () => {
    const cut: Effect = { kind: 'resize', path: 'file', size: 0 };
    assert.deepEqual(possible(after([...begun, write(blockBytes, page('b')), sync()])), ['ab']);
    assert.deepEqual(possible(after([...begun, cut, sync()])), ['']);
  });

  it('that was cut may come with or without what stood there', () => {
    const cut: Effect = { kind: 'resize', path: 'file', size: blockBytes };
    assert.deepEqual(possible(after([...begun, write(blockBytes, page('b')), sync(), cut])), [
      'a',
      'a.',
      'ab',
    ]);
  });

  it('that does not change is no change', () => {
    assert.equal(pendingCount(after([...begun, { kind: 'resize', path: 'file', size: blockBytes }])), 0);
  });
});

describe('a name', () => {
  const made: readonly Effect[] = [{ kind: 'create', path: 'file' }, write(0, page('a')), sync()];

  it('is on disk once its directory is synced, and not by the sync of its file', () => {
    assert.deepEqual(possible(after(made)), ['a', 'absent']);
    assert.deepEqual(possible(after([...made, names])), ['a']);
  });

  it('comes with the sync of its file where file systems do more than they must', () => {
    assert.deepEqual(possible(after(made, [], 'with-file')), ['a']);
    const inside: readonly Effect[] = [
      { kind: 'mkdir', path: 'd' },
      { kind: 'create', path: 'd/file' },
      write(0, page('a'), 'd/file'),
      sync('d/file'),
    ];
    assert.deepEqual(possible(after(inside, [], 'with-file'), 'any subset', 'd/file'), ['a']);
    assert.deepEqual(possible(after(inside), 'any subset', 'd/file'), ['a', 'absent']);
  });

  it('is not found in a directory that is not there', () => {
    const model = after([
      { kind: 'mkdir', path: 'd' },
      { kind: 'create', path: 'd/file' },
      write(0, page('a'), 'd/file'),
      sync('d/file'),
      sync('d'),
    ]);
    assert.deepEqual([...state(model, 'none').files.keys()], []);
    assert.deepEqual([...state(model, 'names without contents').files.keys()], ['d', 'd/file']);
  });

  it('is moved whole or not at all', () => {
    const model = after([...begun, { kind: 'rename', from: 'file', to: 'other' }]);
    for (let seed = 0; seed < 50; seed += 1) {
      const { files } = state(model, 'any subset', seed);
      assert.equal(files.size, 1);
      assert.equal(letters({ files, key: '', pending: 0, torn: 0 }, [...files.keys()][0]), 'a');
    }
    assert.deepEqual(possible(model), ['a', 'absent']);
    assert.deepEqual(possible(after([...begun, { kind: 'rename', from: 'file', to: 'other' }, names])), [
      'absent',
    ]);
  });

  it('that takes the place of another leaves the old contents or the new ones', () => {
    const replaced: readonly Effect[] = [
      ...begun,
      { kind: 'create', path: 'new' },
      write(0, page('b'), 'new'),
      sync('new'),
      { kind: 'rename', from: 'new', to: 'file' },
    ];
    assert.deepEqual(possible(after(replaced)), ['a', 'b']);
  });

  it('that takes the place of another before its contents are on disk may leave nothing', () => {
    const hasty: readonly Effect[] = [
      ...begun,
      { kind: 'create', path: 'new' },
      write(0, page('b'), 'new'),
      { kind: 'rename', from: 'new', to: 'file' },
    ];
    assert.deepEqual(possible(after(hasty)), ['', '.', 'a', 'b']);
  });

  it('may come back until its removal is synced', () => {
    const removed: Effect = { kind: 'remove', path: 'file' };
    assert.deepEqual(possible(after([...begun, removed])), ['a', 'absent']);
    assert.deepEqual(possible(after([...begun, removed, names])), ['absent']);
  });

  it('moves with its directory', () => {
    const model = after([
      { kind: 'mkdir', path: 'd' },
      { kind: 'create', path: 'd/file' },
      sync('d'),
      names,
      { kind: 'rename', from: 'd', to: 'e' },
      names,
    ]);
    assert.deepEqual([...state(model, 'none').files.keys()], ['e', 'e/file']);
  });

  it('that the trace has not made ends the replay', () => {
    assert.throws(() => after([write(0, page('a'), 'unknown')]), /which it has not made/);
  });
});

describe('the variants of a crash', () => {
  const meta = Buffer.alloc(128, 'm');
  const store: readonly Effect[] = [
    { kind: 'create', path: 'data.mdb' },
    names,
    write(0, page('a', 3), 'data.mdb'),
    sync('data.mdb'),
  ];
  const commit: readonly Effect[] = [
    write(2 * blockBytes, page('b', 2), 'data.mdb'),
    write(0, page('m'), 'data.mdb'),
  ];
  const model = after([...store, ...commit]);
  const seen = (variant: Variant) => letters(state(model, variant), 'data.mdb');

  it('are the extremes and what lies between', () => {
    assert.equal(seen('none'), 'aaa');
    assert.equal(seen('all'), 'mabb');
    assert.equal(seen('meta pages only'), 'maa');
    assert.equal(seen('all but meta pages'), 'aabb');
    assert.equal(seen('newest write only'), 'maa');
    assert.equal(seen('contents without names'), 'mabb');
    assert.equal(seen('names without contents'), 'aaa.');
    assert.ok(possible(model, 'any subset', 'data.mdb').length >= 8);
  });

  it('tear a meta page into words only where no disk would', () => {
    const hit = after([...store, ...commit.slice(0, 1)], [write(0, meta, 'data.mdb')]);
    const mixed = (variant: Variant) =>
      Array.from({ length: 30 }, (_, seed) => state(hit, variant, seed).files.get('data.mdb')).some(
        (bytes) =>
          Buffer.isBuffer(bytes) &&
          bytes.subarray(0, 128).includes('a') &&
          bytes.subarray(0, 128).includes('m'),
      );
    assert.ok(mixed(beyondDisks));
    for (const variant of variants) assert.ok(!mixed(variant), variant);
  });

  it('have one key for what is the same byte for byte, whatever counts for nothing', () => {
    const junk: readonly Effect[] = [
      { kind: 'create', path: 'daemon.lock' },
      { kind: 'create', path: 'lock.mdb' },
      { kind: 'create', path: '.x.tmp' },
    ];
    const quiet = after([...store, ...junk]);
    assert.equal(pendingCount(quiet), 0);
    assert.equal(state(quiet, 'none').key, state(quiet, 'all').key);
    assert.notEqual(state(model, 'none').key, state(model, 'all').key);
    assert.equal(state(model, 'none').key, state(quiet, 'all').key);
  });

  it('are the same for the same seed', () => {
    const keys = (seed: number) => variants.map((variant) => state(model, variant, seed).key);
    assert.deepEqual(keys(3), keys(3));
  });
});
