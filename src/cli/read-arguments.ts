import { systemClock } from '../base/clock.ts';
import { closestKey } from '../base/closest-key.ts';
import { parseDurationMs, parseTimeMs } from '../base/duration.ts';
import { CollabError } from '../base/errors.ts';
import type { CommandSpec, OptionSpec, RawArguments } from './command-spec.ts';
import type { CommandArguments, CommandName } from './commands.ts';
import { commands } from './commands.ts';

/**
 * Converts what the line gave into the arguments of the command.
 * @throws USAGE naming the argument, for a value that is none of its kind.
 */
export function readArguments<Name extends CommandName>(
  name: Name,
  raw: RawArguments,
): CommandArguments<Name> {
  const spec: CommandSpec = commands[name];
  const values: Record<string, unknown> = {};
  for (const [option, optionSpec] of Object.entries(spec.options)) {
    values[option] = readOption(`--${option}`, optionSpec, raw.get(option) ?? []);
  }
  for (const [positional, { count, choices }] of Object.entries(spec.positionals)) {
    const words = raw.get(positional) ?? [];
    if (words.some((word) => word === '')) throw usage(`<${positional}> is empty`);
    for (const word of choices === undefined ? [] : words) assertChoice(`<${positional}>`, choices, word);
    values[positional] = count === 'many' || count === 'any' ? words : words[0];
  }
  // The loop above fills in exactly the names of the spec, each by its kind: that is what the mapped type says.
  return values as CommandArguments<Name>;
}

function readOption(flag: string, spec: OptionSpec, texts: readonly string[]): unknown {
  if (spec.kind === 'flag') return texts.includes('true');
  if (spec.kind === 'texts') return texts.map((text) => readText(flag, spec, text));
  const [text, second] = texts;
  if (second !== undefined) throw usage(`${flag} is given twice`);
  if (text === undefined) {
    if (spec.required) throw usage(`${flag} is missing`, `Add ${flag}: ${spec.summary}.`);
    return undefined;
  }
  switch (spec.kind) {
    case 'text':
      return readText(flag, spec, text);
    case 'integer':
      return readInteger(flag, text, /^-?\d{1,9}$/, 'a whole number');
    case 'count':
      return readInteger(flag, text, /^\d{1,15}$/, 'a whole number from 0 on');
    case 'port':
      return readPort(flag, text);
    case 'duration':
      return named(flag, () => parseDurationMs(text));
    case 'time':
      return named(flag, () => parseTimeMs(text, systemClock.wallMs()));
  }
}

function readText(flag: string, spec: OptionSpec, text: string): string {
  if (text.trim() === '') throw usage(`${flag} is empty`);
  assertChoice(flag, spec.choices, text);
  return text;
}

function assertChoice(name: string, choices: readonly string[] | undefined, text: string): void {
  if (choices === undefined || choices.includes(text)) return;
  const close = closestKey(text, choices);
  const meant = close === undefined ? '' : `Did you mean ${close}? `;
  throw usage(`${name} has no value "${shortened(text)}"`, `${meant}Choose one of: ${choices.join(', ')}.`);
}

function readInteger(flag: string, text: string, form: RegExp, what: string): number {
  if (!form.test(text)) throw usage(`${flag} takes ${what}, not "${shortened(text)}"`);
  return Number(text);
}

function readPort(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) {
    throw usage(
      `${flag} takes a port, not "${shortened(text)}"`,
      'Write a number from 1 to 65535, or 0 for any free port.',
    );
  }
  return port;
}

/** The parsers in base/ do not know which flag they read. */
function named<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof CollabError)) throw error;
    throw usage(`${flag}: ${error.message}`, error.next);
  }
}

export function usage(message: string, next?: string): CollabError {
  return new CollabError('USAGE', message, next === undefined ? {} : { next });
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
