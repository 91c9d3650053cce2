/** What may stand where the cursor is, by the table of commands alone: nothing here looks at the daemon or at files. */
import type { CommandSpec, OptionSpec, PositionalSpec, WordSource } from '../command-spec.ts';
import { commandGroups, commands } from '../commands.ts';
import { jsonOption } from '../options.ts';

export interface Candidate {
  /** The whole word, as the program would get it. */
  readonly value: string;
  /** One line for whoever has to choose. */
  readonly about?: string;
}

export interface WantedWord {
  /** Those that are always there. */
  readonly candidates: readonly Candidate[];
  /** Where more come from. */
  readonly source?: WordSource;
  /** Stands before each value: `--agent=` where flag and value are one word. */
  readonly prefix: string;
  /** The part of the current word that is the value. */
  readonly text: string;
  /** The values given before, by the name of their positional or option. */
  readonly given: ReadonlyMap<string, string>;
}

/** @param words all that stand before the cursor's word, without the program. */
export function wantedWord(words: readonly string[], current: string): WantedWord {
  const wantsHelp = words[0] === 'help';
  const line = (wantsHelp ? words.slice(1) : words).filter((word, at, all) => !isLeadingFlag(word, at, all));
  const [first, second] = line;
  if (first === undefined)
    return current.startsWith('-') ? fixed(topFlags, current) : fixed(topWords(), current);
  const pair = `${first} ${second}`;
  if (Object.hasOwn(commands, pair))
    return wantsHelp ? fixed([], current) : inCommand(pair, line.slice(2), current);
  const members = line.length === 1 ? membersOf(first) : [];
  if (!Object.hasOwn(commands, first) || wantsHelp) return fixed(members, current);
  const inside = inCommand(first, line.slice(1), current);
  return { ...inside, candidates: [...members, ...inside.candidates] };
}

/** `agent-collab --json lock list` is read as well. */
function isLeadingFlag(word: string, at: number, all: readonly string[]): boolean {
  return word.startsWith('-') && all.slice(0, at).every((before) => before.startsWith('-'));
}

const helpFlag: Candidate = { value: '--help', about: 'show the arguments and an example' };
const topFlags: readonly Candidate[] = [
  helpFlag,
  { value: '--json', about: jsonOption.summary },
  { value: '--version', about: 'print the version' },
];

function topWords(): readonly Candidate[] {
  const alone = Object.entries<CommandSpec>(commands).filter(([name]) => !name.includes(' '));
  return [
    ...alone.map(([value, { summary }]) => ({ value, about: summary })),
    ...Object.entries(commandGroups).map(([value, about]) => ({ value, about })),
    { value: 'help', about: 'show what a command takes' },
  ];
}

function membersOf(group: string): readonly Candidate[] {
  return Object.entries<CommandSpec>(commands)
    .filter(([name]) => name.startsWith(`${group} `))
    .map(([name, { summary }]) => ({ value: name.slice(group.length + 1), about: summary }));
}

function inCommand(name: string, rest: readonly string[], current: string): WantedWord {
  const spec: CommandSpec = commands[name as keyof typeof commands];
  const read = readRest(spec, rest);
  const { pending, free, onlyFree } = read;
  if (pending !== undefined) return wantedValue(pending, '', current, read.given);
  if (!onlyFree && current.startsWith('-')) {
    const [, flag = '', text = ''] = /^(--?[a-z-]+)=(.*)$/s.exec(current) ?? [];
    const option = optionAt(spec, flag);
    if (option !== undefined) return wantedValue(option.spec, `${flag}=`, text, read.given);
    return fixed(flagsLeft(spec, read.seen, current), current);
  }
  const positional = positionalAt(spec, free.length);
  const wanted =
    positional === undefined ? fixed([], current) : wantedValue(positional, '', current, read.given);
  const isOpen = wanted.candidates.length === 0 && wanted.source === undefined && current === '' && !onlyFree;
  return isOpen ? fixed(flagsLeft(spec, read.seen, current), current) : wanted;
}

interface RestRead {
  readonly given: ReadonlyMap<string, string>;
  readonly seen: ReadonlySet<string>;
  readonly free: readonly string[];
  /** The option that waits for its value. */
  readonly pending: OptionSpec | undefined;
  /** After `--` nothing is a flag. */
  readonly onlyFree: boolean;
}

function readRest(spec: CommandSpec, rest: readonly string[]): RestRead {
  const given = new Map<string, string>();
  const seen = new Set<string>();
  const free: string[] = [];
  let pending: { readonly name: string; readonly spec: OptionSpec } | undefined;
  let onlyFree = false;
  for (const word of rest) {
    if (pending !== undefined) {
      given.set(pending.name, word);
      pending = undefined;
    } else if (onlyFree || !word.startsWith('-') || word === '-') free.push(word);
    else if (word === '--') onlyFree = true;
    else {
      const [, flag = word, value] = /^(--?[a-z-]+)=(.*)$/s.exec(word) ?? [];
      const option = optionAt(spec, flag);
      seen.add(option?.name ?? flag.replace(/^--/, ''));
      if (option !== undefined && value !== undefined) given.set(option.name, value);
      else if (option !== undefined && option.spec.kind !== 'flag') pending = option;
    }
  }
  Object.keys(spec.positionals).forEach((name, at) => {
    if (free[at] !== undefined) given.set(name, free[at]);
  });
  return { given, seen, free, pending: pending?.spec, onlyFree };
}

function optionAt(spec: CommandSpec, flag: string) {
  const found = Object.entries(spec.options).find(
    ([name, { alias }]) => `--${name}` === flag || `-${alias}` === flag,
  );
  return found && { name: found[0], spec: found[1] };
}

/** The last one may take many words. */
function positionalAt(spec: CommandSpec, at: number): PositionalSpec | undefined {
  const all = Object.values(spec.positionals);
  const last = all.at(-1);
  return all[at] ?? (last?.count === 'many' || last?.count === 'any' ? last : undefined);
}

/** Those not given yet, the required ones first. A letter only for whoever typed no second dash. */
function flagsLeft(spec: CommandSpec, seen: ReadonlySet<string>, current: string): readonly Candidate[] {
  const left = Object.entries(spec.options)
    .filter(([name, { hidden, kind }]) => hidden !== true && (kind === 'texts' || !seen.has(name)))
    .toSorted(([, a], [, b]) => Number(b.required ?? false) - Number(a.required ?? false));
  const letters = current === '-' ? left.flatMap(([, { alias, summary }]) => letterOf(alias, summary)) : [];
  const json = seen.has('json') ? [] : [{ value: '--json', about: jsonOption.summary }];
  return [
    ...letters,
    ...left.map(([name, { summary }]) => ({ value: `--${name}`, about: summary })),
    ...json,
    helpFlag,
  ];
}

function letterOf(alias: string | undefined, about: string): readonly Candidate[] {
  return alias === undefined ? [] : [{ value: `-${alias}`, about }];
}

function wantedValue(
  { choices = [], completes, ...spec }: OptionSpec | PositionalSpec,
  prefix: string,
  text: string,
  given: ReadonlyMap<string, string>,
): WantedWord {
  const candidates = choices.map((value) => ({ value: prefix + value, about: spec.summary }));
  return { candidates, prefix, text, given, ...(completes === undefined ? {} : { source: completes }) };
}

function fixed(candidates: readonly Candidate[], text: string): WantedWord {
  return { candidates, prefix: '', text, given: new Map() };
}
