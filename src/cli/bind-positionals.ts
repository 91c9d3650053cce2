import type { CommandSpec, PositionalSpec } from './command-spec.ts';

/**
 * Puts the free words of a line under the names of the command's positionals, into `into`. Returns what is wrong when
 * there are too few or too many, else undefined.
 */
export function bindPositionals(
  spec: CommandSpec,
  free: readonly string[],
  into: Map<string, readonly string[]>,
): string | undefined {
  let at = 0;
  for (const [name, { count }] of Object.entries(spec.positionals)) {
    const words = count === 'many' || count === 'any' ? free.slice(at) : free.slice(at, at + 1);
    if (words.length === 0 && (count === 'one' || count === 'many')) return `<${name}> is missing`;
    if (words.length > 0) into.set(name, words);
    at += words.length;
  }
  return at < free.length ? `"${free[at]}" is one argument too many` : undefined;
}

/** `lock acquire <targets>...`, as usage lines and README write it. */
export function usageLine(name: string, spec: CommandSpec): string {
  const words = Object.entries(spec.positionals).map(([positional, { count }]) =>
    placeText[count](positional),
  );
  return [name, ...words].join(' ');
}

const placeText: Readonly<Record<PositionalSpec['count'], (name: string) => string>> = {
  one: (name) => `<${name}>`,
  optional: (name) => `[${name}]`,
  many: (name) => `<${name}>...`,
  any: (name) => `[${name}]...`,
};
