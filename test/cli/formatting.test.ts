import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { terminalAgent } from '../../src/cli/agent-identity.ts';
import { loaderArguments } from '../../src/cli/background-start.ts';
import { formatBytes } from '../../src/cli/commands/status.ts';
import { isNewer } from '../../src/cli/daemon-address.ts';
import { errorText } from '../../src/cli/error-text.ts';
import { noticeText } from '../../src/cli/lock-text.ts';
import { isAtOrBelow, targetPath } from '../../src/cli/project-filter.ts';
import { createScreen, oneLine, printable } from '../../src/cli/screen.ts';
import { showTime } from '../../src/cli/show-time.ts';
import { textTable } from '../../src/cli/text-table.ts';
import { displayWidth, wrapText } from '../../src/cli/wrap-text.ts';

const plain = createScreen(60, false, false);
const nowMs = Date.UTC(2026, 0, 31, 12);

describe('text for people', () => {
  it('shows control characters instead of obeying them', () => {
    assert.equal(printable('a\x1b[2Jb\x07\x7f\x9b'), 'a␛[2Jb␇␡�');
    assert.equal(printable('safe\u202eexe.txt'), 'safe�exe.txt');
    assert.equal(printable('one\r\n\ttwo'), 'one\n\ttwo');
    assert.equal(oneLine('one\n two\t three'), 'one two three');
    assert.equal(oneLine('abcdef', 4), 'abc…');
  });

  it('says times both ways', () => {
    assert.match(showTime('2026-01-31T11:58:00Z', nowMs), /^2m ago \(\d\d:\d\d:\d\d\)$/);
    assert.match(showTime('2026-01-31T12:01:30Z', nowMs), /^in 1m 30s \(\d\d:\d\d:\d\d\)$/);
    assert.match(
      showTime('2026-01-01T00:00:00Z', nowMs),
      /^30d 12h ago \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\)$/,
    );
    assert.equal(showTime('garbage', nowMs), 'garbage');
  });

  it('wraps at blanks, and breaks a long word where it must', () => {
    assert.deepEqual(wrapText('one two three', 8), ['one two', 'three']);
    assert.deepEqual(wrapText('src/very/long/path.ts', 8), ['src/very', '/long/pa', 'th.ts']);
    assert.equal(displayWidth('日本'), 4);
    assert.deepEqual(wrapText('日本語', 4), ['日本', '語']);
  });

  it('keeps a table within the screen and loses nothing', async () => {
    const rows = [{ id: 'lk_1', text: 'a long intention of many words that has to wrap', path: 'src/a.ts' }];
    const table = await textTable<(typeof rows)[number]>(
      [
        { head: 'ID', cell: (row) => row.id },
        { head: 'TEXT', cell: (row) => row.text, wraps: true },
        { head: 'PATH', cell: (row) => row.path },
      ],
      rows,
      createScreen(40, false, false),
    );
    const lines = table.split('\n');
    for (const line of lines) assert.ok(displayWidth(line) <= 40, line);
    assert.match(lines[0] ?? '', /^ID +TEXT +PATH$/);
    for (const word of ['lk_1', 'many', 'wrap', 'src/a.ts']) assert.ok(table.includes(word), word);
  });

  it('gives each row a block of its own where a table would be too narrow to read', async () => {
    const rows = [{ text: 'x'.repeat(50), path: 'y'.repeat(50) }];
    const columns = [
      { head: 'TEXT', cell: (row: (typeof rows)[number]) => row.text, wraps: true },
      { head: 'PATH', cell: (row: (typeof rows)[number]) => row.path },
      { head: 'EMPTY', cell: () => '' },
    ] as const;
    const block = await textTable(columns, rows, createScreen(40, false, false));
    assert.deepEqual(block.split('\n'), [`  text  ${'x'.repeat(50)}`, `  path  ${'y'.repeat(50)}`, '']);
  });

  it('colours only where colour is wanted', () => {
    assert.equal(plain.paint('red', 'x'), 'x');
    assert.notEqual(createScreen(80, true, true).paint('red', 'x'), 'x');
  });

  it('counts bytes in the unit that fits', () => {
    assert.deepEqual([0, 1023, 1024, 1_500_000, 2 ** 40].map(formatBytes), [
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.4 MiB',
      '1.0 TiB',
    ]);
  });
});

describe('an error for people', () => {
  it('of a denial says who, why, how long and what to do', () => {
    const error = new CollabError('LOCK_DENIED', 'ann holds src/a.ts', {
      next: 'Wait with --wait.',
      details: {
        holder: 'ann',
        intention: 'rename\x1b[31m it',
        expiresAt: '2026-01-31T12:02:00Z',
        overlap: 'partial',
        lockId: 'lk_1',
      },
    });
    const text = errorText(error, plain, nowMs);
    const lines = text.trimEnd().split('\n');
    assert.equal(lines[0], 'error: ann holds src/a.ts');
    for (const part of ['ann', 'rename␛[31m it', 'in 2m', 'partial', 'lk_1'])
      assert.ok(text.includes(part), part);
    assert.equal(lines.at(-1), 'next: Wait with --wait.');
  });

  it('of damage lists what is damaged, up to a bound', () => {
    const problems = Array.from({ length: 25 }, (_, at) => ({
      store: 'delta',
      where: `${at}`,
      what: 'checksum',
    }));
    const text = errorText(
      new CollabError('VERIFY_FAILED', '25 problems', { details: { problems } }),
      plain,
      nowMs,
    );
    assert.ok(text.includes('delta: 0: checksum'));
    assert.ok(text.includes('… and 5 more'));
  });

  it('of a defect shows its stack', () => {
    const text = errorText(new CollabError('INTERNAL', 'oops', { cause: new Error('root') }), plain, nowMs);
    assert.match(text, /defect of agent-collab[\s\S]*Error: root[\s\S]*at /);
  });

  it('of a lost lease names the lock', () => {
    const notice = {
      kind: 'expired',
      lockId: 'lk_1',
      targets: ['a'],
      message: 'gone',
      at: '2026-01-31T12:00:00Z',
    } as const;
    assert.match(noticeText(notice, plain, nowMs), /^notice: gone \[lock lk_1, expired 0ms ago/);
  });
});

describe('small decisions', () => {
  it('compares versions by number', () => {
    assert.equal(isNewer('0.10.0', '0.9.9'), true);
    assert.equal(isNewer('0.5.0', '0.5.0'), false);
    assert.equal(isNewer('0.5.0', '1.0.0'), false);
    assert.equal(isNewer('0.5.0', 'garbage'), false);
  });

  it('hands on the loader of sources to the daemon, found from anywhere, and no debugger', () => {
    const passed = loaderArguments(['--inspect=0', '--import', 'tsx', '--test', '--require=x.cjs']);
    assert.equal(passed[0], '--import');
    assert.match(passed[1] ?? '', /^file:.*tsx/);
    assert.deepEqual(passed.slice(2), ['--require', 'x.cjs']);
  });

  it('names an agent after its user and terminal', () => {
    assert.equal(terminalAgent('ann', '/dev/pts/3'), 'ann@pts/3');
    assert.equal(terminalAgent('ann', 'a\nb'), 'ann@a_b');
    assert.equal(terminalAgent('ann', 'x'.repeat(500)).length, 200);
  });

  it('knows what a path filter covers', () => {
    assert.equal(isAtOrBelow('src/a.ts', 'src'), true);
    assert.equal(isAtOrBelow('srcs/a.ts', 'src'), false);
    assert.equal(isAtOrBelow(undefined, 'src'), false);
    assert.equal(isAtOrBelow(undefined, '.'), true);
    for (const target of ['src/a.ts', 'src/a.ts:10-20', 'src/a.ts:5--1', 'src/a.ts#function:login']) {
      assert.equal(targetPath(target), 'src/a.ts');
    }
  });
});
