import type { Screen } from './screen.ts';

/** `label  value` lines, the values in one column; a value that is undefined is left out. */
export function labelled(lines: readonly (readonly [string, string | undefined])[], screen: Screen): string {
  const shown = lines.filter((line): line is readonly [string, string] => line[1] !== undefined);
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `  ${screen.paint('dim', label.padEnd(width))}  ${value}\n`).join('');
}
