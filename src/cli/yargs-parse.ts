/** The whole grammar of the command line: every spelling, the help texts, and the errors with a suggestion. Loads yargs. */
import yargs, { type Argv } from 'yargs';
import { closestKey } from '../base/closest-key.ts';
import { bindPositionals, usageLine } from './bind-positionals.ts';
import type { CommandSpec, OptionSpec } from './command-spec.ts';
import { type CommandName, commandGroups, commands, isCommandName } from './commands.ts';
import type { ParsedLine } from './fast-parse.ts';
import { jsonOption } from './options.ts';
import { usage } from './read-arguments.ts';

export type LineMeaning =
  | { readonly kind: 'command'; readonly line: ParsedLine }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** Nothing but `agent-collab`, perhaps with `--json`. */
  | { readonly kind: 'bare' };

type YargsValues = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] };

interface Hit {
  readonly name: CommandName;
  readonly values: YargsValues;
}

/**
 * @param width columns of the help text.
 * @throws USAGE with what is wrong and the closest right word.
 */
export function yargsParse(argv: readonly string[], width: number): LineMeaning {
  const hits: Hit[] = [];
  let help = '';
  let top: YargsValues = { _: [] };
  const words = canonical(argv);
  try {
    // With a callback yargs prints nothing itself; with fail(false) it throws instead of exiting.
    root(width, (hit) => hits.push(hit)).parse(words, {}, (_error, values, output) => {
      help = output;
      top = values as unknown as YargsValues;
    });
  } catch (error) {
    throw grammarError(argv, error);
  }
  if (help !== '') {
    assertIsSomething(argv);
    return { kind: 'help', text: `${help}\n` };
  }
  const [hit] = hits;
  if (hit !== undefined) return { kind: 'command', line: lineOf(hit) };
  if (top.version === true) return { kind: 'version' };
  const free = top._.map(String);
  if (free.length === 0) return { kind: 'bare' };
  throw unknownCommand(free);
}

/**
 * The line in the spellings that yargs reads rightly: `help lock` as `lock --help`, `-mtext` as `-m=text` (yargs would take
 * it for -m -t -e -x -t), and no `--shared=maybe` (yargs would take it for false).
 */
function canonical(argv: readonly string[]): string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  const command = commandOf(argv);
  const options: CommandSpec['options'] = command === undefined ? {} : commands[command].options;
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.map((word, at) => {
    if (at >= end) return word;
    const [, flag = ''] = /^--([a-z-]+)=/.exec(word) ?? [];
    if (flag === 'json' || options[flag]?.kind === 'flag') throw usage(`--${flag} takes no value`);
    const [, letter, text] = /^-([a-z])([^=].*)$/s.exec(word) ?? [];
    const valued = Object.values(options).some((it) => it.alias === letter && it.kind !== 'flag');
    return text !== undefined && valued ? `-${letter}=${text}` : word;
  });
}

function root(width: number, onHit: (hit: Hit) => void): Argv {
  const parser = yargs([])
    .scriptName('agent-collab')
    .usage('$0 <command>\n\nKeeps AI coding agents and people from overwriting one another.')
    // Values reach readArguments as they were written; yargs would turn 007 into 7 and --no-x into x=false.
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    })
    .locale('en') // the errors are read by grammarError, and the rest of the program speaks English only
    .exitProcess(false)
    .fail(false)
    .version(false) // `--version` alone is read as a flag, so that --json can apply to it
    .help('help')
    .alias('help', 'h')
    .wrap(width)
    .strictOptions()
    .option('json', { type: 'boolean', describe: jsonOption.summary, global: true })
    .option('version', { type: 'boolean', describe: 'print the version', global: false })
    .example('agent-collab run', commands.run.summary)
    .example(commands['lock acquire'].example, '')
    .example(commands['context share'].example, '')
    .epilog('agent-collab <command> --help shows its arguments and an example.');
  for (const name of Object.keys(commands).filter((it) => !it.includes(' ')) as CommandName[]) {
    addCommand(parser, name, name, onHit);
  }
  for (const [group, summary] of Object.entries(commandGroups)) addGroup(parser, group, summary, onHit);
  return parser;
}

function addGroup(parser: Argv, group: string, summary: string, onHit: (hit: Hit) => void): void {
  parser.command(group, summary, (inner) => {
    inner.usage(`$0 ${group} <command>\n\n${capitalised(summary)}.`);
    for (const name of membersOf(group)) addCommand(inner, name, name.slice(group.length + 1), onHit);
    for (const name of membersOf(group)) inner.example(commands[name].example, '');
    return inner.epilog(`agent-collab ${group} <command> --help shows its arguments.`);
  });
}

function addCommand(parser: Argv, name: CommandName, word: string, onHit: (hit: Hit) => void): void {
  const spec: CommandSpec = commands[name];
  parser.command(
    // Positionals are bound by bindPositionals: yargs loses a lone `-` and what stands after `--`.
    word,
    spec.summary,
    (inner) => {
      inner.usage(`$0 ${usageLine(name, spec)}\n\n${capitalised(spec.summary)}.${positionalHelp(spec)}`);
      for (const [option, optionSpec] of Object.entries(spec.options)) addOption(inner, option, optionSpec);
      // `invite` does something by itself, and `invite list` another thing.
      for (const member of membersOf(name)) addCommand(inner, member, member.slice(name.length + 1), onHit);
      return inner.example(spec.example, '').epilog('');
    },
    (values) => onHit({ name, values: values as unknown as YargsValues }),
  );
}

function addOption(parser: Argv, name: string, spec: OptionSpec): void {
  const isFlag = spec.kind === 'flag';
  const choices = spec.choices === undefined ? '' : `: ${spec.choices.join(', ')}`;
  const needed = spec.required ? ' (required)' : '';
  parser.option(name, {
    type: isFlag ? 'boolean' : 'string',
    requiresArg: !isFlag,
    array: spec.kind === 'texts',
    describe: spec.summary + choices + needed,
    hidden: spec.hidden === true,
    ...(spec.alias === undefined ? {} : { alias: spec.alias }),
  });
}

function positionalHelp(spec: CommandSpec): string {
  const lines = Object.entries(spec.positionals).map(([name, { summary }]) => `${name}: ${summary}`);
  return lines.length === 0 ? '' : `\n\nArguments:\n${lines.join('\n')}`;
}

function lineOf({ name, values }: Hit): ParsedLine {
  const spec: CommandSpec = commands[name];
  const raw = new Map<string, readonly string[]>();
  for (const [option, { kind }] of Object.entries(spec.options)) {
    const given = [values[option] ?? []].flat().map(String);
    // A flag that stands twice says the same as one.
    if (given.length > 0) raw.set(option, kind === 'flag' ? ['true'] : given);
  }
  const free = values._.map(String).slice(name.split(' ').length);
  const wrong = bindPositionals(spec, free, raw);
  if (wrong !== undefined) {
    // `invite lst`: a command that has others below it.
    const meant = closestKey(
      free[0] ?? '',
      membersOf(name).map((member) => member.slice(name.length + 1)),
    );
    const written = `It is written: agent-collab ${usageLine(name, spec)}`;
    throw usage(
      `${name}: ${wrong}`,
      meant === undefined ? written : `Did you mean "agent-collab ${name} ${meant}"?`,
    );
  }
  return { name, json: values.json !== undefined, raw };
}

/** yargs shows the help of the group, or of all, for a command that is not there. */
function assertIsSomething(argv: readonly string[]): void {
  const free = argv.slice(0, argv.indexOf('--') + 1 || undefined).filter((word) => !word.startsWith('-'));
  const line = free[0] === 'help' ? free.slice(1) : free;
  const [first] = line;
  if (first === undefined || commandOf(line) !== undefined) return;
  if (line.length > 1 || !Object.hasOwn(commandGroups, first)) throw unknownCommand(line);
}

/** An error of yargs in our words. Its messages are not an interface; one that is not known is passed on as it is. */
function grammarError(argv: readonly string[], error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(', ');
  const [name] = unknown ?? [];
  if (name !== undefined) return unknownFlag(argv, name);
  const bare = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (bare !== undefined) {
    return usage(
      `${dashed(bare)} needs a value`,
      `A value that begins with "-" is written with an equals sign: ${dashed(bare)}=-5`,
    );
  }
  if (error instanceof Error && error.name !== 'YError' && error.name !== 'Error') return error;
  return usage(message.split('\n')[0] ?? 'the command line is not understood', helpHint(argv));
}

function unknownFlag(argv: readonly string[], name: string): Error {
  const command = commandOf(argv);
  const firstFlag = argv.findIndex((word) => word.startsWith('-'));
  // Whose flags they are is not known either: the word before them is what to set right.
  if (command === undefined && firstFlag > 0) return unknownCommand(argv.slice(0, firstFlag));
  const known = command === undefined ? ['json', 'help', 'version'] : flagsOf(command);
  const close = closestKey(name, known);
  return usage(
    `unknown flag ${dashed(name)}`,
    close === undefined ? helpHint(argv) : `Did you mean ${dashed(close)}?`,
  );
}

function unknownCommand(words: readonly string[]): Error {
  const [first = '', second] = words;
  if (Object.hasOwn(commandGroups, first)) {
    const members = membersOf(first).map((name) => name.slice(first.length + 1));
    if (second === undefined)
      return usage(
        `${first} needs to know what to do`,
        `Say one of: ${members.map((it) => `${first} ${it}`).join(', ')}.`,
      );
    const close = closestMember(first, second);
    return usage(
      `unknown command "${first} ${second}"`,
      close === undefined
        ? `${first} knows: ${members.join(', ')}.`
        : `Did you mean "agent-collab ${first} ${close}"?`,
    );
  }
  const names = Object.keys(commands);
  const close = closestKey(first, [
    ...Object.keys(commandGroups),
    ...names.flatMap((name) => name.split(' ')),
  ]);
  const whole = names.includes(close ?? '')
    ? close
    : (names.find((name) => name.endsWith(` ${close}`)) ?? close);
  const group = close !== undefined && Object.hasOwn(commandGroups, close) ? close : undefined;
  // `lok list`: the group is nearly right, and the rest may be so as well.
  const below = group === undefined || second === undefined ? undefined : closestMember(group, second);
  const meant = group === undefined ? whole : below === undefined ? group : `${group} ${below}`;
  return usage(
    `unknown command "${first}"`,
    meant === undefined ? 'agent-collab --help lists the commands.' : `Did you mean "agent-collab ${meant}"?`,
  );
}

function closestMember(group: string, typed: string): string | undefined {
  return closestKey(
    typed,
    membersOf(group).map((name) => name.slice(group.length + 1)),
  );
}

function commandOf(argv: readonly string[]): CommandName | undefined {
  const words = argv.filter((word) => !word.startsWith('-'));
  const pair = words.slice(0, 2).join(' ');
  return isCommandName(pair)
    ? pair
    : words[0] !== undefined && isCommandName(words[0])
      ? words[0]
      : undefined;
}

function flagsOf(name: CommandName): readonly string[] {
  const spec: CommandSpec = commands[name];
  const open = Object.entries(spec.options).filter(([, option]) => !option.hidden);
  return [...open.map(([option]) => option), 'json', 'help'];
}

function membersOf(group: string): readonly CommandName[] {
  return (Object.keys(commands) as CommandName[]).filter((name) => name.startsWith(`${group} `));
}

function helpHint(argv: readonly string[]): string {
  const command = commandOf(argv);
  return `agent-collab ${command === undefined ? '' : `${command} `}--help shows what there is.`;
}

function dashed(flag: string): string {
  return flag.length === 1 ? `-${flag}` : `--${flag}`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
