/** Reading a trace: nothing that writes may be overlooked, and what cannot be read ends the replay. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Operation, readOperations } from '../../crash-tests/power-loss/file-operations.ts';
import {
  descriptorOf,
  linesOf,
  readSyscalls,
  type Syscall,
  stringsOf,
} from '../../crash-tests/power-loss/strace-log.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const root = '/watched';
const hex = (text: string) =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const quoted = (text: string) => `"${hex(text)}"`;
const file = (number: number, path: string) => `${number}<${hex(`${root}/${path}`)}>`;
const base = `AT_FDCWD<${hex('/elsewhere')}>`;
const opening = (path: string, flags: string, number: number) =>
  `openat(${base}, ${quoted(`${root}/${path}`)}, ${flags}, 0600) = ${file(number, path)}`;

/** One call after the other, a millisecond apart, of one thread. */
function lines(...calls: readonly string[]): readonly string[] {
  return calls.map((call, at) => `7 100.${String(at).padStart(3, '0')}000 ${call} <0.000010>`);
}

function syscalls(...text: readonly string[]): readonly Syscall[] {
  return [...readSyscalls(text)];
}

function operations(...calls: readonly string[]): readonly Operation[] {
  return [...readOperations(readSyscalls(lines(...calls)), root)];
}

const untimed = ({ begin: _b, end: _e, number: _n, ...rest }: Operation) => rest;

describe('a trace', () => {
  it('has the time before and the time after each call, in microseconds', () => {
    const [call] = syscalls('7  1.000005 fsync(3</a>) = 0 <0.000250>');
    assert.deepEqual(call, {
      thread: 7,
      name: 'fsync',
      args: '3</a>',
      result: '0',
      begin: 1_000_005,
      end: 1_000_255,
      line: 1,
    });
  });

  it('joins a call that another thread interrupted, whose end is where it is resumed', () => {
    const calls = syscalls(
      '7 1.000000 pwrite64(3</a>, "\\x61", 1, 0 <unfinished ...>',
      '8 1.000100 fsync(4</b>) = 0 <0.000010>',
      '7 1.000300 <... pwrite64 resumed>) = 1 <0.000200>',
    );
    assert.deepEqual(
      calls.map(({ name, args, begin, end }) => ({ name, args, begin, end })),
      [
        { name: 'fsync', args: '4</b>', begin: 1_000_100, end: 1_000_110 },
        { name: 'pwrite64', args: '3</a>, "\\x61", 1, 0', begin: 1_000_000, end: 1_000_300 },
      ],
    );
  });

  it('has no end for a call in which the process was killed', () => {
    const calls = syscalls(
      '7 1.000000 fsync(3</a> <unfinished ...>',
      '8 1.000100 fdatasync(4</b>) = ?',
      '7 1.000300 +++ killed by SIGKILL +++',
    );
    assert.deepEqual(
      calls.map(({ name, result, end }) => ({ name, result, end })),
      [
        { name: 'fdatasync', result: undefined, end: Number.POSITIVE_INFINITY },
        { name: 'fsync', result: undefined, end: Number.POSITIVE_INFINITY },
      ],
    );
  });

  it('passes over signals, ends of threads and calls without a name', () => {
    assert.deepEqual(
      syscalls(
        '',
        '7 1.000000 --- SIGCHLD {si_signo=SIGCHLD} ---',
        '7 1.000001 +++ exited with 0 +++',
        '7 1.000002 ????( <unfinished ...>',
        '7 1.000003 ???()           = ?',
      ),
      [],
    );
  });

  it('gives the bytes of strings, and refuses one that was cut', () => {
    assert.deepEqual(
      stringsOf(`3, ${quoted('a"b')}, ${quoted('')}`).map((one) => one.toString()),
      ['a"b', ''],
    );
    assert.throws(() => stringsOf(`${quoted('ab')}..., 5`), /has cut a string/);
  });

  it('names the file of a descriptor, and says when that has no name any more', () => {
    assert.deepEqual(descriptorOf(file(5, 'ü')), { number: 5, path: `${root}/ü`, unlinked: false });
    assert.deepEqual(descriptorOf('6</a>(deleted)'), { number: 6, path: '/a', unlinked: true });
    assert.equal(descriptorOf('no descriptor'), undefined);
  });

  it('is read from a file line by line, the last one without its end too', () => {
    const directory = mkdtempSync(join(tmpdir(), 'agent-collab-trace-'));
    try {
      const long = 'x'.repeat(3 * 1024 * 1024);
      writeFileSync(join(directory, 'trace'), `${long}\nb\nc`);
      assert.deepEqual([...linesOf(join(directory, 'trace'))], [long, 'b', 'c']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('ends with an error that names the line, or is understood: there is no third', () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const whole = lines(opening('a', 'O_RDWR|O_CREAT', 3), `write(${file(3, 'a')}, "\\x61", 1) = 1`);
    const pieces = [
      ' = ',
      '"',
      '\\x61',
      '<',
      '>',
      '(',
      ')',
      '7',
      '<unfinished ...>',
      '<... x resumed>',
      '\0',
    ];
    for (let round = 0; round < 500; round += 1) {
      const broken = whole.map((line) => {
        const at = random.int(0, line.length);
        return line.slice(0, at) + random.pick(pieces) + line.slice(at + random.int(0, 3));
      });
      try {
        for (const one of readOperations(readSyscalls(broken), root)) assert.ok(one.number >= 0);
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, `seed ${seed}: ${String(error)}`);
        assert.notEqual(error.message, '');
      }
    }
    for (const garbage of [
      'nonsense',
      '7 nonsense',
      '7 1.000000 fsync',
      '7 1.000000 <... fsync resumed>) = 0',
    ])
      assert.throws(() => syscalls(garbage), /trace line 1 /);
  });
});

describe('the operations of a trace', () => {
  it('are the writes, wherever the call says where: in its arguments or by where the descriptor stands', () => {
    const data = file(3, 'data');
    const found = operations(
      opening('data', 'O_RDWR|O_CREAT', 3),
      `pwrite64(${data}, ${quoted('abc')}, 3, 8192) = 3`,
      `write(${data}, ${quoted('de')}, 2) = 2`,
      `writev(${data}, [{iov_base=${quoted('f')}, iov_len=1}, {iov_base=${quoted('gh')}, iov_len=2}], 2) = 3`,
      `lseek(${data}, 100, SEEK_SET) = 100`,
      `write(${data}, ${quoted('i')}, 1) = 1`,
      `pwritev(${data}, [{iov_base=${quoted('jk')}, iov_len=2}], 1, 4096) = 2`,
      `pwritev2(${data}, [{iov_base=${quoted('l')}, iov_len=1}], 1, 4100, RWF_HIPRI) = 1`,
    );
    const writes = found.flatMap((one) =>
      one.kind === 'write' ? [[one.path, one.offset, one.data.toString()]] : [],
    );
    assert.deepEqual(writes, [
      ['data', 8192, 'abc'],
      ['data', 0, 'de'],
      ['data', 2, 'fgh'],
      ['data', 100, 'i'],
      ['data', 4096, 'jk'],
      ['data', 4100, 'l'],
    ]);
  });

  it('hold of a short write what was written, and of one that was killed all that was asked for', () => {
    const text = [
      ...lines(opening('data', 'O_RDWR|O_CREAT', 3), `write(${file(3, 'data')}, ${quoted('abcd')}, 4) = 2`),
      `7 101.000000 pwrite64(${file(3, 'data')}, ${quoted('efgh')}, 4, 0 <unfinished ...>`,
    ];
    const writes = [...readOperations(readSyscalls(text), root)].flatMap((one) =>
      one.kind === 'write' ? [[one.data.toString(), Number.isFinite(one.end)]] : [],
    );
    assert.deepEqual(writes, [
      ['ab', true],
      ['efgh', false],
    ]);
  });

  it('know which descriptor syncs what it writes', () => {
    const found = operations(
      opening('data', 'O_RDWR|O_CREAT', 3),
      opening('data', 'O_WRONLY|O_DSYNC|O_CLOEXEC', 4),
      `pwrite64(${file(3, 'data')}, ${quoted('a')}, 1, 0) = 1`,
      `pwrite64(${file(4, 'data')}, ${quoted('b')}, 1, 0) = 1`,
    );
    const synced = found.flatMap((one) => (one.kind === 'write' ? [one.synced] : []));
    assert.deepEqual(synced, [false, true]);
  });

  it('are the changes of names, sizes and syncs', () => {
    const found = operations(
      `mkdir(${quoted(`${root}/home`)}, 0700) = 0`,
      `mkdirat(${base}, ${quoted(`${root}/home/lmdb`)}, 0700) = 0`,
      opening('home/new', 'O_WRONLY|O_CREAT|O_TRUNC', 3),
      `ftruncate(${file(3, 'home/new')}, 8400) = 0`,
      `fsync(${file(3, 'home/new')}) = 0`,
      `rename(${quoted(`${root}/home/new`)}, ${quoted(`${root}/home/key`)}) = 0`,
      `link(${quoted(`${root}/home/key`)}, ${quoted(`${root}/home/again`)}) = 0`,
      `unlink(${quoted(`${root}/home/again`)}) = 0`,
      `fdatasync(${file(5, 'home')}) = 0`,
      `fsync(${`6<${hex(root)}>`}) = 0`,
    );
    assert.deepEqual(found.map(untimed), [
      { kind: 'mkdir', path: 'home' },
      { kind: 'mkdir', path: 'home/lmdb' },
      { kind: 'create', path: 'home/new' },
      { kind: 'resize', path: 'home/new', size: 0 },
      { kind: 'resize', path: 'home/new', size: 8400 },
      { kind: 'sync', path: 'home/new' },
      { kind: 'rename', from: 'home/new', to: 'home/key' },
      { kind: 'link', from: 'home/key', to: 'home/again' },
      { kind: 'remove', path: 'home/again' },
      { kind: 'sync', path: 'home' },
      { kind: 'sync', path: '' },
    ]);
  });

  it('are the answers, and nothing else that leaves the watched directory alone', () => {
    const found = operations(
      `write(9<UNIX-STREAM:[1->2,"/run/x.sock"]>, ${quoted('HTTP/1.1 200 OK')}, 15) = 15`,
      `write(2<${hex('/dev/null')}>, ${quoted('log')}, 3) = 3`,
      `openat(${base}, ${quoted('/etc/hosts')}, O_RDONLY) = 8<${hex('/etc/hosts')}>`,
      `mkdir(${quoted(`${root}-beside`)}, 0700) = 0`,
      `fsync(9</elsewhere/file>) = 0`,
      `mkdir(${quoted(`${root}/there`)}, 0700) = -1 EEXIST (File exists)`,
      `write(9<${hex(`${root}/gone`)}>(deleted), ${quoted('x')}, 1) = 1`,
    );
    assert.deepEqual(found.map(untimed), [{ kind: 'answer', text: 'HTTP/1.1 200 OK' }]);
  });

  it('keep the descriptors of two processes apart, and those of threads together', () => {
    const data = file(3, 'data');
    const text = [
      `7 1.000000 ${opening('data', 'O_RDWR|O_CREAT', 3)} <0.000001>`,
      '7 1.000010 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88) = 8 <0.000001>',
      '7 1.000020 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 9 <0.000001>',
      `8 1.000030 write(${data}, ${quoted('a')}, 1) = 1 <0.000001>`,
    ];
    const kinds = (more: readonly string[]) =>
      [...readOperations(readSyscalls([...text, ...more]), root)].map(({ kind }) => kind);
    assert.deepEqual(kinds([]), ['create', 'write']);
    assert.throws(
      () => kinds([`9 1.000040 write(${data}, ${quoted('a')}, 1) = 1 <0.000001>`]),
      /descriptor of unknown origin/,
    );
  });

  const refusals: readonly (readonly [what: string, calls: readonly string[], error: RegExp])[] = [
    [
      'a map that is written',
      [`mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, ${file(3, 'data.mdb')}, 0) = 0x7f00`],
      /written through a map/,
    ],
    [
      'an appending write',
      [opening('log', 'O_WRONLY|O_APPEND', 3), `write(${file(3, 'log')}, "\\x61", 1) = 1`],
      /O_APPEND/,
    ],
    [
      'a file without a name',
      [`openat(${base}, ${quoted(root)}, O_RDWR|O_TMPFILE, 0600) = ${file(3, 'tmp')}`],
      /O_TMPFILE/,
    ],
    [
      'a copy within the kernel',
      [`copy_file_range(3</a>, NULL, ${file(4, 'b')}, NULL, 9, 0) = 9`],
      /not followed/,
    ],
    ['a second descriptor', [`dup2(${file(4, 'b')}, 5) = ${file(5, 'b')}`], /not followed/],
    ['a symbolic link', [`symlink(${quoted('x')}, ${quoted(`${root}/b`)}) = 0`], /not followed/],
    ['a cut by name', [`truncate(${quoted(`${root}/b`)}, 0) = 0`], /not followed/],
    ['a sync of everything', ['sync() = 0'], /syncs more than a file/],
    ['io_uring', ['io_uring_setup(64, {}) = 9<anon_inode:[io_uring]>'], /io_uring/],
    [
      'a rename out of sight',
      [`rename(${quoted(`${root}/a`)}, ${quoted('/elsewhere/a')}) = 0`],
      /across the edge/,
    ],
    [
      'a write without a place',
      [opening('a', 'O_RDWR', 3), `pwrite64(${file(3, 'a')}, "\\x61", 1) = 1`],
      /without an offset/,
    ],
    ['a call that nobody thought of', ['vmsplice(3</a>) = 0'], /vmsplice is not followed/],
  ];
  for (const [what, calls, error] of refusals)
    it(`refuse ${what}`, () => {
      assert.throws(() => operations(...calls), error);
    });

  it('let the table of readers be written through its map', () => {
    assert.deepEqual(
      operations(`mmap(NULL, 8400, PROT_READ|PROT_WRITE, MAP_SHARED, ${file(3, 'd/lock.mdb')}, 0) = 0x7f00`),
      [],
    );
  });
});
