/** Tables that the documents repeat from data of the product: `npm run docs:tables` writes them, a test compares them. */
import { errorKinds } from '../../src/base/errors.ts';
import { usageLine } from '../../src/cli/bind-positionals.ts';
import type { CommandSpec } from '../../src/cli/command-spec.ts';
import { commands } from '../../src/cli/commands.ts';
import { operations } from '../../src/control/operations.ts';
import { describeSettings } from '../../src/home/config.ts';
import { type BenchTable, benchMachine, mainLoopTable, peersTable, targetsTable } from './bench-tables.ts';
import { ProjectFile, type Rule } from './source-file.ts';

type Row = readonly string[];

const tables: Readonly<Record<string, () => string>> = {
  commands: () => table(['Command', 'What it does'], commandRows()),
  settings: () =>
    table(
      ['Setting', 'Type', 'Default', 'What it decides'],
      describeSettings().map((it) => [code(it.key), it.type, code(JSON.stringify(it.default)), it.summary]),
    ),
  errors: () =>
    table(
      ['Code', 'Exit', 'HTTP', 'Raised when'],
      Object.entries(errorKinds).map(([name, { exit, http, when }]) => [
        code(name),
        `${exit}`,
        `${http}`,
        when,
      ]),
    ),
  operations: () => table(['Operation', 'Input'], operationRows()),
  'bench-machine': () => ofBench(benchMachine()),
  'bench-targets': () => ofBench(targetsTable()),
  'bench-main-loop': () => ofBench(mainLoopTable()),
  'bench-peers-300': () => ofBench(peersTable('peers-300')),
  'bench-peers-300-noise': () => ofBench(peersTable('peers-300-noise')),
  'bench-peers-1024': () => ofBench(peersTable('peers-1024')),
  'bench-peers-1024-noise': () => ofBench(peersTable('peers-1024-noise')),
};

/** Which document holds which tables. */
export const documents: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['bench-targets', 'bench-peers-300', 'commands', 'settings', 'errors'],
  'docs/BENCHMARKS.md': [
    'bench-machine',
    'bench-main-loop',
    'bench-peers-300',
    'bench-peers-300-noise',
    'bench-peers-1024',
    'bench-peers-1024-noise',
  ],
  'docs/API.md': ['operations', 'errors'],
};

function ofBench({ head, rows }: BenchTable): string {
  return table(head, rows);
}

function commandRows(): readonly Row[] {
  return Object.entries<CommandSpec>(commands).map(([name, spec]) => [
    code(usageLine(name, spec)),
    spec.summary,
  ]);
}

/** Every input is an object with a fixed set of fields; a `?` marks those that may be left out. */
function operationRows(): readonly Row[] {
  return Object.entries(operations).map(([name, schema]) => {
    const { shape } = schema as unknown as { shape: Readonly<Record<string, { isOptional(): boolean }>> };
    const fields = Object.entries(shape).map(([field, type]) =>
      code(type.isOptional() ? `${field}?` : field),
    );
    return [code(name), fields.join(', ') || 'none'];
  });
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Columns are padded, as Biome formats tables. */
function table(head: Row, rows: readonly Row[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: Row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}

const marked = /<!-- table:([a-z0-9-]+) -->\n([\s\S]*?)<!-- \/table -->/g;

/** `text` with each marked table as it should be. Unknown names are left as they are; the rule reports them. */
export function withTables(text: string): string {
  return text.replace(marked, (whole, name: string) => {
    const make = tables[name];
    return make === undefined ? whole : `<!-- table:${name} -->\n${make()}\n<!-- /table -->`;
  });
}

export const documentsRepeatTheData: Rule = (files) =>
  Object.entries(documents).flatMap(([path, wanted]) => {
    const file = files.find((one) => one.path === path);
    if (file === undefined) return [{ path, line: 1, what: 'is missing' }];
    const there = [...file.text.matchAll(marked)].map((match) => ({ name: match[1] ?? '', match }));
    return [
      ...wanted
        .filter((name) => !there.some((one) => one.name === name))
        .map((name) => ({ path, line: 1, what: `has no <!-- table:${name} --> … <!-- /table -->` })),
      ...there
        .filter(({ name, match }) => tables[name] === undefined || !sameTable(withTables(match[0]), match[0]))
        .map(({ name, match }) => file.violation(match.index, differs(name))),
    ];
  });

/** The same cells, however they are padded. */
function sameTable(a: string, b: string): boolean {
  const bare = (text: string) => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---').trim();
  return bare(a) === bare(b);
}

function differs(name: string): string {
  return tables[name] === undefined
    ? `names an unknown table ${name}`
    : `the table ${name} differs from the data it repeats: npm run docs:tables`;
}

/** A document that satisfies the rule, for its own test. */
export function sampleDocument(path: string): ProjectFile {
  const empty = (documents[path] ?? []).map((name) => `<!-- table:${name} -->\n<!-- /table -->\n`);
  return new ProjectFile(path, withTables(empty.join('\n')));
}
