import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editedLines } from '../../src/hook/edited-lines.ts';
import { lineHunks, splitLines } from '../../src/hook/line-diff.ts';
import { parsePatch } from '../../src/hook/patch-text.ts';
import { testSeed } from '../support/seed.ts';

const seed = testSeed();
const ten = Array.from({ length: 10 }, (_, at) => `line ${at + 1}\n`).join('');

function replace(old: string, next: string, all = false) {
  return { kind: 'replace', edits: [{ old, new: next, all }] } as const;
}

describe('edited lines', () => {
  const cases: readonly (readonly [string, Parameters<typeof editedLines>[0], string | number[][]])[] = [
    ['one line', replace('line 3', 'x'), [[3, 3]]],
    ['several lines', replace('line 3\nline 4\n', 'x\n'), [[3, 4]]],
    ['a part of two lines', replace('3\nline', 'x'), [[3, 4]]],
    ['every occurrence', replace('line', 'row', true), [[1, 10]]],
    ['the first of several', replace('line', 'row'), [[1, 1]]],
    ['nothing that stands there', replace('absent', 'x'), 'whole'],
    ['a new text with one other line', { kind: 'text', text: ten.replace('line 7', 'x') }, [[7, 7]]],
    ['a new text with a line more', { kind: 'text', text: ten.replace('line 7\n', 'line 7\nx\n') }, [[8, 8]]],
    ['a new text that is the old one', { kind: 'text', text: ten }, []],
    [
      'edits on top of each other',
      {
        kind: 'replace',
        edits: [
          { old: 'line 2', new: 'two', all: false },
          { old: 'two', new: '2', all: false },
          { old: 'line 9', new: '9', all: false },
        ],
      },
      [
        [2, 2],
        [9, 9],
      ],
    ],
  ];
  for (const [what, change, expected] of cases) {
    it(`are those of ${what}`, () => {
      const found = editedLines(change, ten);
      assert.deepEqual(found === 'whole' ? found : found.map(({ start, end }) => [start, end]), expected);
    });
  }

  it('are those that a patch removes and adds to, found by its context', () => {
    const patch = [
      '*** Begin Patch',
      '*** Update File: a.txt',
      '@@',
      ' line 2',
      '-line 3',
      '+three',
      ' line 4',
      '@@ line 6',
      '-line 8  ',
      '+eight',
      '*** End Patch',
    ].join('\n');
    const [target] = parsePatch(patch, '/r').targets;
    assert.ok(target?.change);
    assert.deepEqual(editedLines(target.change, ten), [
      { start: 3, end: 4 },
      { start: 8, end: 9 },
    ]);
  });

  it('are not known where the context of a patch does not stand', () => {
    const patch = '*** Begin Patch\n*** Update File: a\n@@\n-absent\n+x\n*** End Patch';
    const [target] = parsePatch(patch, '/r').targets;
    assert.ok(target?.change);
    assert.equal(editedLines(target.change, ten), 'whole');
  });
});

describe('a patch', () => {
  it('names each file that it adds, deletes, updates and moves', () => {
    const patch = [
      '*** Begin Patch',
      '*** Add File: new.txt',
      '+hello',
      '*** Delete File: old/gone.txt',
      '*** Update File: a.txt',
      '*** Move to: b.txt',
      '@@',
      '-x',
      '+y',
      '*** Update File: /abs/c.txt',
      '-x',
      '+y',
      '*** End of File',
      '*** End Patch',
    ].join('\n');
    assert.deepEqual(
      parsePatch(patch, '/r').targets.map(({ kind, path }) => `${kind} ${path}`),
      [
        'create /r/new.txt',
        'delete /r/old/gone.txt',
        'delete /r/a.txt',
        'create /r/b.txt',
        'edit /abs/c.txt',
      ],
    );
  });

  it('is unparsed without its begin and end', () => {
    for (const text of ['', 'x', '*** Begin Patch\n', '*** Begin Patch\nodd\n*** End Patch'])
      assert.equal(parsePatch(text, '/r').unparsed.length, 1);
  });
});

describe('the difference of two texts', () => {
  it(`turns the one into the other, hunk by hunk from the end (TEST_SEED=${seed})`, () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 30 })
      .map((lines) => lines.map((l) => `${l}\n`).join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const hunks = lineHunks(before, after);
        const lines = [...splitLines(before)];
        const target = splitLines(after);
        let shift = 0;
        const starts = hunks.map(({ startLine, removedLines, addedLines }) => {
          const at = startLine - 1 + shift;
          shift += addedLines - removedLines;
          return at;
        });
        for (const [at, { startLine, removedLines, addedLines }] of [...hunks.entries()].reverse()) {
          const from = starts[at] ?? 0;
          lines.splice(startLine - 1, removedLines, ...target.slice(from, from + addedLines));
        }
        assert.deepEqual(lines, [...target]);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('is one hunk where texts differ too much to search', () => {
    const before = Array.from({ length: 3000 }, (_, at) => `a${at}\n`).join('');
    const after = Array.from({ length: 3000 }, (_, at) => `b${at}\n`).join('');
    assert.deepEqual(lineHunks(before, after), [{ startLine: 1, removedLines: 3000, addedLines: 3000 }]);
  });
});
