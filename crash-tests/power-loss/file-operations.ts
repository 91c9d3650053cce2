/** From the system calls of a process to what they do below one directory: the operations that a power loss may undo. */
import { isAbsolute, join, relative } from 'node:path';
import { descriptorOf, type Syscall, stringsOf, type TracedDescriptor } from './strace-log.ts';

interface Timed {
  /** Microseconds since 1970: the operation has no effect before `begin` and its whole effect after `end`. */
  readonly begin: number;
  readonly end: number;
  /** In the order in which the calls began. */
  readonly number: number;
}

/** All paths are relative to the watched directory, `` for that directory itself. */
export type Operation = Timed &
  (
    | {
        readonly kind: 'write';
        readonly path: string;
        readonly offset: number;
        readonly data: Buffer;
        /** Through a descriptor with O_DSYNC or O_SYNC: on disk when the call returns. */
        readonly synced: boolean;
      }
    | { readonly kind: 'sync'; readonly path: string }
    | { readonly kind: 'resize'; readonly path: string; readonly size: number }
    /** Makes a file unless there is one. */
    | { readonly kind: 'create'; readonly path: string }
    | { readonly kind: 'mkdir'; readonly path: string }
    | { readonly kind: 'remove'; readonly path: string }
    | { readonly kind: 'rename'; readonly from: string; readonly to: string }
    | { readonly kind: 'link'; readonly from: string; readonly to: string }
    /** Something was told to somebody: bytes that went into a socket. */
    | { readonly kind: 'answer'; readonly text: string }
  );

/** `Omit` over a union would merge its members. */
type Untimed<T> = T extends Timed ? Omit<T, keyof Timed> : never;
type Effect = Untimed<Operation>;

interface OpenFile {
  readonly synced: boolean;
  readonly append: boolean;
  position: number;
}

/** What strace has to record for `readOperations`. */
export const tracedCalls: readonly string[] = [
  ...['openat', 'open', 'creat', 'close', 'dup', 'dup2', 'dup3', 'lseek'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg', 'sendfile'],
  ...['copy_file_range', 'splice', 'truncate', 'ftruncate', 'fallocate', 'mmap'],
  ...['fsync', 'fdatasync', 'sync_file_range', 'msync', 'sync', 'syncfs'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat'],
  ...[
    'unlink',
    'unlinkat',
    'rmdir',
    'mkdir',
    'mkdirat',
    'clone',
    'clone3',
    'fork',
    'vfork',
    'io_uring_setup',
  ],
];

/** LMDB's table of readers, shared between processes through a map. Its contents mean nothing after a restart. */
const writtenThroughMap = /(^|\/)lock\.mdb$/;

/**
 * @param root the watched directory, by its real path.
 * @throws Error at a way to write that this does not follow: better no replay than one that overlooks a write.
 */
export function* readOperations(syscalls: Iterable<Syscall>, root: string): Generator<Operation> {
  const reader = new OperationReader(root);
  // A call is listed when it ends; what it does to descriptors others may have used by then.
  const ordered = [...syscalls].sort((a, b) => a.begin - b.begin || a.line - b.line);
  let number = 0;
  for (const { begin, end, ...call } of ordered)
    for (const effect of reader.effects({ begin, end, ...call }))
      yield { begin, end, number: number++, ...effect };
}

class OperationReader {
  readonly #root: string;
  /** By process and number. */
  readonly #files = new Map<string, OpenFile>();
  readonly #processOf = new Map<number, number>();

  constructor(root: string) {
    this.#root = root;
  }

  *effects(call: Syscall): Generator<Effect> {
    const failed = call.result?.startsWith('-1 ') === true;
    if (failed) return;
    const handler = handlers[call.name];
    if (handler === undefined) throw new Error(`the system call ${call.name} is not followed`);
    yield* handler(this, call);
  }

  /** The path below the watched directory, or undefined for what lies elsewhere. */
  inside(path: string): string | undefined {
    if (!isAbsolute(path)) return undefined;
    const below = relative(this.#root, path);
    return below === '..' || below.startsWith('../') ? undefined : below;
  }

  fileInside(descriptor: TracedDescriptor | undefined): string | undefined {
    // What has no name any more is gone after a power loss, whatever was written to it.
    return descriptor === undefined || descriptor.unlinked ? undefined : this.inside(descriptor.path);
  }

  file({ thread }: Syscall, descriptor: TracedDescriptor): OpenFile {
    const file = this.#files.get(`${this.#process(thread)}:${descriptor.number}`);
    if (file === undefined)
      throw new Error(`${descriptor.path} is written through a descriptor of unknown origin`);
    return file;
  }

  opened({ thread }: Syscall, number: number, flags: string): void {
    this.#files.set(`${this.#process(thread)}:${number}`, {
      synced: /\bO_D?SYNC\b/.test(flags),
      append: /\bO_APPEND\b/.test(flags),
      position: 0,
    });
  }

  /** A thread shares its process's descriptors; a child process has a copy, which no store is written through. */
  cloned({ thread, args, result }: Syscall): void {
    const child = Number.parseInt(result ?? '', 10);
    if (args.includes('CLONE_FILES')) this.#processOf.set(child, this.#process(thread));
  }

  #process(thread: number): number {
    return this.#processOf.get(thread) ?? thread;
  }
}

type Handler = (reader: OperationReader, call: Syscall) => Iterable<Effect>;

function* open(reader: OperationReader, call: Syscall): Generator<Effect> {
  const made = descriptorOf(call.result ?? '');
  if (made === undefined) return;
  const path = reader.fileInside(made);
  if (path === undefined) return;
  reader.opened(call, made.number, call.args);
  if (/\bO_TMPFILE\b/.test(call.args)) throw new Error('O_TMPFILE is not followed');
  if (/\bO_CREAT\b/.test(call.args)) yield { kind: 'create', path };
  if (/\bO_TRUNC\b/.test(call.args)) yield { kind: 'resize', path, size: 0 };
}

function* write(reader: OperationReader, call: Syscall): Generator<Effect> {
  const descriptor = descriptorOf(call.args);
  if (descriptor === undefined) return;
  const bytes = () => Buffer.concat([...stringsOf(call.args)]);
  const path = reader.fileInside(descriptor);
  if (path === undefined) {
    if (/^(socket|UNIX|TCP)/.test(descriptor.path)) yield { kind: 'answer', text: bytes().toString() };
    return;
  }
  const file = reader.file(call, descriptor);
  if (file.append) throw new Error(`${path} is written with O_APPEND, which is not followed`);
  // In the middle of a kill it may have been carried out as far as it was asked for.
  const data = call.result === undefined ? bytes() : bytes().subarray(0, Number.parseInt(call.result, 10));
  const given = offsetOf(call);
  const offset = given ?? file.position;
  if (given === undefined) file.position += data.length;
  yield { kind: 'write', path, offset, data, synced: file.synced };
}

/** Behind the length; `pwritev2` has flags behind it. Undefined: the call writes where the descriptor stands. */
function offsetOf({ name, args }: Syscall): number | undefined {
  if (!name.startsWith('p')) return undefined;
  const given = (name === 'pwritev2' ? /, \d+, (\d+), \w+$/ : /, \d+, (\d+)$/).exec(args)?.[1];
  if (given === undefined) throw new Error(`${name} without an offset`);
  return Number(given);
}

const seek: Handler = (reader, call) => {
  const descriptor = descriptorOf(call.args);
  if (descriptor !== undefined && reader.fileInside(descriptor) !== undefined)
    reader.file(call, descriptor).position = Number(call.result);
  return [];
};

function* sync(reader: OperationReader, call: Syscall): Generator<Effect> {
  const path = reader.fileInside(descriptorOf(call.args));
  if (path !== undefined) yield { kind: 'sync', path };
}

function* resize(reader: OperationReader, call: Syscall): Generator<Effect> {
  const path = reader.fileInside(descriptorOf(call.args));
  if (path !== undefined) yield { kind: 'resize', path, size: Number(/, (\d+)$/.exec(call.args)?.[1]) };
}

/** Paths are given whole, or relative to a directory whose path `-y` shows. */
function pathsOf(reader: OperationReader, { args }: Syscall): readonly (string | undefined)[] {
  const bases = [...args.matchAll(/(?:AT_FDCWD|\d+)<[^>]*>/g)].map(
    ([text]) => descriptorOf(text)?.path ?? '',
  );
  return stringsOf(args).map((text, at) => {
    const path = text.toString();
    return reader.inside(isAbsolute(path) ? path : join(bases[at] ?? '', path));
  });
}

const onPath = (kind: 'mkdir' | 'remove'): Handler =>
  function* (reader, call) {
    const [path] = pathsOf(reader, call);
    if (path !== undefined) yield { kind, path };
  };

const onTwoPaths = (kind: 'rename' | 'link'): Handler =>
  function* (reader, call) {
    const [from, to] = pathsOf(reader, call);
    if (from === undefined && to === undefined) return;
    if (from === undefined || to === undefined)
      throw new Error(`${kind} across the edge of the watched directory`);
    yield { kind, from, to };
  };

/** Ways to write that nothing of ours uses: met on a watched file, they end the replay. */
const refused: Handler = (reader, call) => {
  const descriptors = [...call.args.matchAll(/\d+<[^>]*>/g)].map(([text]) => descriptorOf(text));
  const paths = call.args.includes('"') ? pathsOf(reader, call) : [];
  if (
    descriptors.some((one) => reader.fileInside(one) !== undefined) ||
    paths.some((path) => path !== undefined)
  )
    throw new Error(`${call.name} on a watched file is not followed`);
  return [];
};

const map: Handler = (reader, call) => {
  if (!call.args.includes('PROT_WRITE') || !call.args.includes('MAP_SHARED')) return [];
  const path = reader.fileInside(descriptorOf(call.args.split(', ')[4] ?? ''));
  if (path !== undefined && !writtenThroughMap.test(path))
    throw new Error(`${path} is written through a map, which leaves no trace`);
  return [];
};

const everything: Handler = (_, call) => {
  throw new Error(`${call.name} syncs more than a file, which is not followed`);
};

const unseen: Handler = () => {
  throw new Error('the process uses io_uring, whose writes strace does not see');
};

const ignored: Handler = () => [];
const clone: Handler = (reader, call) => {
  reader.cloned(call);
  return [];
};

const handlers: Readonly<Record<string, Handler>> = {
  ...{ openat: open, open, creat: open, lseek: seek, close: ignored },
  ...{
    write,
    writev: write,
    pwrite64: write,
    pwritev: write,
    pwritev2: write,
    sendto: write,
    sendmsg: write,
  },
  ...{ fsync: sync, fdatasync: sync, ftruncate: resize, mmap: map, sync: everything, syncfs: everything },
  ...{
    mkdir: onPath('mkdir'),
    mkdirat: onPath('mkdir'),
    unlink: onPath('remove'),
    unlinkat: onPath('remove'),
  },
  ...{ rmdir: onPath('remove'), rename: onTwoPaths('rename'), renameat: onTwoPaths('rename') },
  ...{ renameat2: onTwoPaths('rename'), link: onTwoPaths('link'), linkat: onTwoPaths('link') },
  ...{ clone, clone3: clone, fork: ignored, vfork: ignored },
  ...{ dup: refused, dup2: refused, dup3: refused, sendfile: refused, copy_file_range: refused },
  ...{ splice: refused, truncate: refused, fallocate: refused, symlink: refused, symlinkat: refused },
  ...{ sync_file_range: refused, msync: refused, io_uring_setup: unseen },
};
