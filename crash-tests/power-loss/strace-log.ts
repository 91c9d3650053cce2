/** Reading what `strace -f -v -y -ttt -T -xx` wrote: one system call for each line, or for each pair of unfinished and resumed. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Syscall {
  readonly thread: number;
  readonly name: string;
  /** The arguments as printed: every string is in hexadecimal, so no bracket and no comma stands inside one. */
  readonly args: string;
  /** What stands behind `=`, or undefined when the process was killed inside the call. */
  readonly result: string | undefined;
  /** Microseconds since 1970. strace prints the time before the kernel does anything. */
  readonly begin: number;
  /** strace has seen the call return and the thread has not gone on yet; infinite when it never returned. */
  readonly end: number;
  /** Number of the line on which the call began. */
  readonly line: number;
}

interface Started {
  readonly name: string;
  readonly args: string;
  readonly begin: number;
  readonly line: number;
}

const head = /^(\d+) +(\d+)\.(\d{6}) /;
const whole = /^(\w+)\(([\s\S]*)\)\s+= ([\s\S]*?)(?: <(\d+)\.(\d{6})>)?$/;
const unfinished = /^(\w+)\(([\s\S]*?)\s*<unfinished \.\.\.>$/;
const resumed = /^<\.\.\. (\w+) resumed>([\s\S]*)$/;

/** @throws Error at a line that it does not understand: a call that is overlooked would make the replay worthless. */
export function* readSyscalls(lines: Iterable<string>): Generator<Syscall> {
  const open = new Map<number, Started>();
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text === '') continue;
    const start = head.exec(text);
    if (start === null) throw new Error(`trace line ${line} has no thread and time: ${text.slice(0, 200)}`);
    const thread = Number(start[1]);
    const time = Number(start[2]) * 1e6 + Number(start[3]);
    const rest = text.slice(start[0].length);
    // A thread that ended, a signal, and `????( <unfinished ...>` or `???() = ?` of a thread that strace met as it ended.
    if (/^(\+\+\+|---|(<\.\.\. )?\?\?\?)/.test(rest)) continue;
    const begun = unfinished.exec(rest);
    if (begun !== null) {
      open.set(thread, { name: begun[1] ?? '', args: begun[2] ?? '', begin: time, line });
      continue;
    }
    const again = resumed.exec(rest);
    if (again === null) {
      yield syscall(thread, rest, time, undefined, line);
      continue;
    }
    const before = open.get(thread);
    if (before === undefined || before.name !== again[1])
      throw new Error(`trace line ${line} resumes a call that never began`);
    open.delete(thread);
    yield syscall(thread, `${before.name}(${before.args}${again[2]}`, before.begin, time, before.line);
  }
  for (const [thread, { name, args, begin, line: began }] of open)
    yield { thread, name, args, result: undefined, begin, end: Number.POSITIVE_INFINITY, line: began };
}

function syscall(
  thread: number,
  text: string,
  begin: number,
  resumedAt: number | undefined,
  line: number,
): Syscall {
  const parts = whole.exec(text);
  if (parts === null) throw new Error(`trace line ${line} is no system call: ${text.slice(0, 200)}`);
  const [, name = '', args = '', result = '', seconds, micros] = parts;
  // `= ?`: the process ended inside the call.
  if (result.startsWith('?'))
    return { thread, name, args, result: undefined, begin, end: Number.POSITIVE_INFINITY, line };
  const took = Number(seconds ?? 0) * 1e6 + Number(micros ?? 0);
  return { thread, name, args, result, begin, end: Math.max(begin + took, resumedAt ?? 0), line };
}

const stringPattern = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g;

/** The strings among the arguments. @throws Error when strace has cut one. */
export function stringsOf(args: string): readonly Buffer[] {
  return [...args.matchAll(stringPattern)].map(([, hex = '', cut]) => {
    if (cut !== undefined) throw new Error('strace has cut a string: its option -s is too small');
    return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
  });
}

export interface TracedDescriptor {
  readonly number: number;
  readonly path: string;
  /** The file has no name any more. */
  readonly unlinked: boolean;
}

const descriptorPattern = /^(AT_FDCWD|-?\d+)(?:<([^>]*)>(\(deleted\))?)?/;

/** A descriptor as `-y` prints it, at the start of `text`. */
export function descriptorOf(text: string): TracedDescriptor | undefined {
  const found = descriptorPattern.exec(text.trimStart());
  if (found === null) return undefined;
  const [, number = '', path = '', deleted] = found;
  return {
    number: number === 'AT_FDCWD' ? -100 : Number(number),
    path: unescaped(path),
    unlinked: deleted !== undefined,
  };
}

function unescaped(path: string): string {
  if (!path.includes('\\x')) return path;
  return Buffer.from(path.replaceAll('\\x', ''), 'hex').toString();
}

const chunkBytes = 1024 * 1024;

/** The lines of a file that may be larger than a string. strace writes ASCII. */
export function* linesOf(file: string): Generator<string> {
  const fd = openSync(file, 'r');
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let rest = '';
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      const lines = (rest + chunk.toString('latin1', 0, read)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(fd);
  }
}
