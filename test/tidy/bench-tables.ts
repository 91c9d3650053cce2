/** Tables that the documents make of bench/results.json, which `npm run bench -- --json bench/results.json` writes. */
import { readFileSync } from 'node:fs';
import type { Row } from '../../bench/harness/measure.ts';
import { figureText, type Run, targetRows } from '../../bench/harness/report.ts';

type Cells = readonly string[];
export interface BenchTable {
  readonly head: Cells;
  readonly rows: readonly Cells[];
}

const run = JSON.parse(readFileSync(new URL('../../bench/results.json', import.meta.url), 'utf8')) as Run;

function rowsOf(bench: string): readonly Row[] {
  return run.results.find((result) => result.bench === bench)?.rows ?? [];
}

/** What SPEC §15 asks of one node, and what was measured. */
export function targetsTable(): BenchTable {
  return { head: ['Bench', 'Target', 'Measured', '', 'Commit'], rows: targetRows(run) };
}

/** One row a side, one column a phase: `phase: side` are the names of the bench's rows. */
export function peersTable(bench: string): BenchTable {
  const rows = rowsOf(bench).map((row) => ({ row, split: row.what.indexOf(': ') }));
  const phaseOf = ({ row, split }: (typeof rows)[number]) => row.what.slice(0, split);
  const sideOf = ({ row, split }: (typeof rows)[number]) => row.what.slice(split + 2);
  const phases = [...new Set(rows.map(phaseOf))];
  const sides = [...new Set(rows.map(sideOf))];
  const cell = (side: string, phase: string) => {
    const found = rows.find((one) => phaseOf(one) === phase && sideOf(one) === side);
    if (found === undefined) return '–';
    const { p50, rate, bytes } = found.row;
    return figureText('p50', p50) || figureText('rate', rate) || figureText('bytes', bytes);
  };
  return {
    head: ['', ...phases],
    rows: sides.map((side) => [side, ...phases.map((phase) => cell(side, phase))]),
  };
}

/** Rows whose names are `figure: load`. */
export function mainLoopTable(): BenchTable {
  const rows = rowsOf('main-loop').filter(({ what }) => !what.startsWith('acquire'));
  const text = (row: Row) =>
    (['p50', 'p99', 'p999', 'max'] as const).map((name) => figureText(name, row[name]));
  return {
    head: ['', 'p50', 'p99', 'p99.9', 'max'],
    rows: rows.map((row) => [row.what, ...text(row)]),
  };
}

/** Where and of what the figures are. */
export function benchMachine(): BenchTable {
  const lines = new Map<string, { readonly cells: Cells; readonly benches: string[] }>();
  for (const { bench, machine } of run.results) {
    const { cpu, cores, node, commit, syncP50Ms } = machine;
    const cells = [cpu, String(cores), node, commit, `p50 ${syncP50Ms.toFixed(2)} ms`];
    const line = lines.get(cells.join()) ?? { cells, benches: [] };
    lines.set(cells.join(), line);
    line.benches.push(bench);
  }
  return {
    head: ['Machine', 'Cores', 'Node', 'Commit', 'fdatasync of 4 KiB', 'Benches'],
    rows: [...lines.values()].map(({ cells, benches }) => [...cells, benches.join(', ')]),
  };
}
