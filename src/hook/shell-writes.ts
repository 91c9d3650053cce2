/** Which files a shell command line writes: redirections and the usual programs, each by its own rules. */
import { basename, isAbsolute, resolve } from 'node:path';
import { parsePatch } from './patch-text.ts';
import { parseShell, type ShellWord, type SimpleCommand } from './shell-words.ts';
import type { ToolWrites, WriteKind, WriteTarget } from './write-target.ts';

const maxNesting = 4;
/** Words in front of a command that change nothing of what it writes. */
const prefixes: ReadonlySet<string> = new Set(
  'sudo command builtin nohup time exec do then else elif if while until ! {'.split(' '),
);
/** Git commands that write files which their words do not name. */
const vagueGit: ReadonlySet<string> = new Set(
  'apply am merge rebase pull reset stash switch cherry-pick revert clean'.split(' '),
);

const copiers: ReadonlySet<string> = new Set(['mv', 'cp', 'install', 'ln']);
const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'zsh', 'dash']);

interface SimpleWriter {
  readonly kind: WriteKind | ((args: readonly ShellWord[]) => WriteKind);
  readonly files: (args: readonly ShellWord[]) => readonly ShellWord[];
}

const remover: SimpleWriter = { kind: 'delete', files: (args) => operands(args) };

/** Programs whose files are named by their words alone. */
const simpleWriters: Readonly<Record<string, SimpleWriter>> = {
  tee: {
    kind: (args) => (hasFlag(args, 'a', 'append') ? 'append' : 'overwrite'),
    files: (args) => operands(args),
  },
  rm: remover,
  unlink: remover,
  rmdir: remover,
  shred: remover,
  touch: { kind: 'append', files: (args) => operands(args) },
  truncate: { kind: 'modify', files: (args) => operands(args, 's', 'r', 'size', 'reference') },
  dd: {
    kind: 'overwrite',
    files: (args) =>
      args.filter((arg) => arg.text.startsWith('of=')).map((arg) => ({ ...arg, text: arg.text.slice(3) })),
  },
};

/** @param cwd absolute. */
export function shellWrites(script: string, cwd: string, nesting = 0): ToolWrites {
  const parsed = parseShell(script);
  if (parsed.kind === 'unparsed') return { targets: [], unparsed: [parsed.reason] };
  const reader = new ShellReader(cwd, nesting);
  for (const command of parsed.commands) reader.read(command);
  return { targets: reader.targets, unparsed: reader.unparsed };
}

class ShellReader {
  readonly targets: WriteTarget[] = [];
  readonly unparsed: string[] = [];
  readonly #nesting: number;
  /** By scope; undefined: a `cd` to where only the shell knows. */
  readonly #cwds = new Map<string, string | undefined>();

  constructor(cwd: string, nesting: number) {
    this.#cwds.set('', cwd);
    this.#nesting = nesting;
  }

  read(command: SimpleCommand): void {
    const cwd = this.#cwd(command.scope);
    for (const { operator, target } of command.redirections) {
      if (!operator.includes('>')) continue;
      this.#write(cwd, target, operator.includes('>>') ? 'append' : 'overwrite');
    }
    const words = withoutPrefixes(command.words);
    const [name, ...args] = words;
    if (name === undefined) return;
    if (!name.known) return;
    if (name.text === 'cd' || name.text === 'pushd') this.#changeDirectory(command, args);
    else this.#program(basename(name.text), args, cwd, command);
  }

  #program(name: string, args: readonly ShellWord[], cwd: string | undefined, command: SimpleCommand): void {
    const writer = Object.hasOwn(simpleWriters, name) ? simpleWriters[name] : undefined;
    if (writer !== undefined) {
      const kind = typeof writer.kind === 'string' ? writer.kind : writer.kind(args);
      for (const file of writer.files(args)) this.#write(cwd, file, kind);
    } else if (name === 'sed' || name === 'perl') this.#inPlace(name, args, cwd);
    else if (copiers.has(name)) this.#copy(name, args, cwd);
    else if (name === 'git') this.#git(args, cwd);
    else if (shells.has(name)) this.#nested(args, cwd, command);
    else if (name === 'apply_patch' || name === 'applypatch') this.#patch(args, cwd, command);
    else if (name === 'eval' || name === 'xargs' || name === 'patch') this.unparsed.push(name);
    else if (name === 'find' && args.some((arg) => /^-(delete|exec|ok|fprint)/.test(arg.text)))
      this.unparsed.push('find with an action');
  }

  #write(cwd: string | undefined, word: ShellWord, kind: WriteKind, into?: readonly string[]): void {
    if (word.text.startsWith('/dev/')) return;
    if (!word.known || (cwd === undefined && !isAbsolute(word.text)) || word.text === '') {
      this.unparsed.push(`a target that only the shell knows: ${word.text || '(a variable)'}`);
      return;
    }
    this.targets.push({
      path: resolve(cwd ?? '/', word.text),
      kind,
      ...(word.glob ? { glob: true } : {}),
      ...(into === undefined ? {} : { into }),
    });
  }

  /** `sed -i`, `sed -i.bak`, `sed --in-place`, `perl -pi -e`: the operands after the script. */
  #inPlace(name: string, args: readonly ShellWord[], cwd: string | undefined): void {
    const isInPlace = args.some((arg) =>
      name === 'sed' ? /^(-[nErsuz]*i|--in-place)/.test(arg.text) : /^-[a-z0-9]*i/.test(arg.text),
    );
    if (!isInPlace) return;
    const hasScript = args.some((arg) => /^(-[nErsuzpli0]*[eEf]$|-e|-f|--expression|--file)/.test(arg.text));
    const files = operands(args, 'e', 'f', 'E', 'expression', 'file', 'pe', 'pie', 'ne', 'i -e');
    // BSD's `-i ''` names an empty suffix.
    const named = (hasScript ? files : files.slice(1)).filter((file) => !file.known || file.text !== '');
    for (const file of named) this.#write(cwd, file, 'modify');
  }

  #copy(name: string, args: readonly ShellWord[], cwd: string | undefined): void {
    const flag = args.findIndex((arg) => arg.text === '-t' || arg.text === '--target-directory');
    const files = operands(
      args,
      't',
      'm',
      'o',
      'g',
      'S',
      'target-directory',
      'mode',
      'owner',
      'group',
      'suffix',
    );
    const given = flag === -1 ? undefined : args[flag + 1];
    const sources = given === undefined ? files.slice(0, -1) : files;
    const target = given ?? files.at(-1);
    if (target === undefined || sources.length === 0) return;
    if (name === 'mv') for (const source of sources) this.#write(cwd, source, 'delete');
    if (sources.some((source) => !source.known || source.glob)) {
      this.unparsed.push(`${name} of files that only the shell knows`);
    }
    const names = sources
      .filter((source) => source.known && !source.glob)
      .map((source) => basename(source.text));
    this.#write(cwd, target, 'overwrite', names);
  }

  #git(args: readonly ShellWord[], outer: string | undefined): void {
    let cwd = outer;
    let at = 0;
    for (; args[at]?.text.startsWith('-'); at += 1) {
      const option = args[at]?.text;
      if (option === '-C') {
        at += 1;
        const to = args[at];
        cwd =
          to?.known && (cwd !== undefined || isAbsolute(to.text)) ? resolve(cwd ?? '/', to.text) : undefined;
      } else if (option === '-c') at += 1;
    }
    const verb = args[at]?.text ?? '';
    const rest = args.slice(at + 1);
    const dashes = rest.findIndex((arg) => arg.text === '--');
    if (verb === 'checkout' || verb === 'restore') {
      if (verb === 'restore' && hasFlag(rest, 'S', 'staged') && !hasFlag(rest, 'W', 'worktree')) return;
      const paths =
        dashes === -1
          ? verb === 'restore'
            ? operands(rest, 's', 'source')
            : undefined
          : rest.slice(dashes + 1);
      if (paths !== undefined) for (const path of paths) this.#write(cwd, path, 'overwrite');
      else if (!hasFlag(rest, 'b', 'B')) this.unparsed.push('git checkout');
    } else if (verb === 'rm') {
      if (!hasFlag(rest, 'cached')) for (const path of operands(rest)) this.#write(cwd, path, 'delete');
    } else if (verb === 'mv') this.#copy('mv', rest, cwd);
    else if (vagueGit.has(verb)) this.unparsed.push(`git ${verb}`);
  }

  #nested(args: readonly ShellWord[], cwd: string | undefined, command: SimpleCommand): void {
    const at = args.findIndex((arg) => /^-\w*c$/.test(arg.text));
    const heredoc = command.redirections.find((one) => one.body !== undefined);
    const script = at === -1 ? undefined : args[at + 1];
    const text = script === undefined ? heredoc?.body : script.known ? script.text : undefined;
    // A script in a file is a program like any other.
    if (text === undefined && script === undefined) return;
    if (text === undefined || cwd === undefined || this.#nesting >= maxNesting) {
      this.unparsed.push('a script that only the shell knows');
      return;
    }
    this.#add(shellWrites(text, cwd, this.#nesting + 1));
  }

  #patch(args: readonly ShellWord[], cwd: string | undefined, command: SimpleCommand): void {
    const [word] = args;
    const text =
      word === undefined ? command.redirections.find((one) => one.body !== undefined)?.body : word.text;
    if (text === undefined || cwd === undefined || word?.known === false)
      this.unparsed.push('a patch that only the shell knows');
    else this.#add(parsePatch(text, cwd));
  }

  #add(writes: ToolWrites): void {
    this.targets.push(...writes.targets);
    this.unparsed.push(...writes.unparsed);
  }

  #changeDirectory(command: SimpleCommand, args: readonly ShellWord[]): void {
    const before = this.#cwd(command.scope);
    const to = operands(args)[0];
    const isKnown =
      to?.known === true && !to.glob && to.text !== '-' && (before !== undefined || isAbsolute(to.text));
    this.#cwds.set(command.scope.join('/'), isKnown ? resolve(before ?? '/', to.text) : undefined);
  }

  /** A subshell begins where the shell around it was, and its `cd` ends with it. */
  #cwd(scope: readonly number[]): string | undefined {
    const key = scope.join('/');
    if (!this.#cwds.has(key)) this.#cwds.set(key, this.#cwd(scope.slice(0, -1)));
    return this.#cwds.get(key);
  }
}

function withoutPrefixes(words: readonly ShellWord[]): readonly ShellWord[] {
  let rest = words;
  for (;;) {
    const first = rest[0]?.text ?? '';
    if (prefixes.has(first) || /^[A-Za-z_]\w*=/.test(first)) rest = rest.slice(1);
    else if (first === 'env') rest = rest.slice(1).filter((word, at) => at > 0 || !word.text.startsWith('-'));
    else if (first === 'timeout' || first === 'nice') {
      const skipped = rest.findIndex((word, at) => at > 0 && !/^(-|\d)/.test(word.text));
      rest = skipped === -1 ? [] : rest.slice(skipped);
    } else return rest;
  }
}

/** The words that are no options. `valued`: options, without dashes, whose value is the next word. */
function operands(args: readonly ShellWord[], ...valued: readonly string[]): readonly ShellWord[] {
  const found: ShellWord[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at];
    if (arg === undefined) break;
    if (arg.text === '--') return [...found, ...args.slice(at + 1)];
    if (!arg.text.startsWith('-') || arg.text === '-') found.push(arg);
    else if (valued.includes(arg.text.replace(/^--?/, ''))) at += 1;
  }
  return found;
}

/** Whether an option is given: one letter (also among others, `-rf`) or a long name. */
function hasFlag(args: readonly ShellWord[], ...names: readonly string[]): boolean {
  return args.some(({ text }) =>
    names.some((name) =>
      name.length === 1 ? /^-[A-Za-z]+$/.test(text) && text.includes(name) : text === `--${name}`,
    ),
  );
}
