/** The figures as text: for a terminal, and as a table of Markdown. */
import Table from 'cli-table3';
import type { Machine } from './machine.ts';
import { type FigureName, meets, type Row, type Target } from './measure.ts';

export interface BenchResult {
  readonly bench: string;
  readonly about: string;
  /** Where it ran, and what: a file may hold benches of several. */
  readonly machine: Machine;
  /** Most memory that the process of the bench had resident, mapped files included. */
  readonly peakMiB: number;
  readonly rows: readonly Row[];
}

export interface Run {
  readonly smoke: boolean;
  readonly results: readonly BenchResult[];
}

const figures = ['p50', 'p99', 'p999', 'max', 'rate', 'ratio', 'bytes'] as const satisfies FigureName[];

const titles: Readonly<Record<FigureName, string>> = {
  p50: 'p50',
  p99: 'p99',
  p999: 'p99.9',
  max: 'max',
  rate: 'rate',
  ratio: 'ratio',
  bytes: 'size',
};

export function machineText(machine: Machine): string {
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMiB} MiB`,
    `Node ${machine.node}, commit ${machine.commit}`,
    `fdatasync of 4 KiB: p50 ${machine.syncP50Ms.toFixed(2)} ms, p99 ${machine.syncP99Ms.toFixed(2)} ms`,
  ].join('\n');
}

/** Columns that no row of the bench fills are left out. */
export function benchText({ bench, about, rows, peakMiB }: Omit<BenchResult, 'machine'>): string {
  const shown = figures.filter((name) => rows.some((row) => row[name] !== undefined));
  const table = new Table({
    head: ['', ...shown.map((name) => titles[name]), 'spread', 'checksum', 'target'],
    colAligns: ['left', ...shown.map(() => 'right' as const), 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
    chars: plainChars,
  });
  for (const row of rows)
    table.push([
      row.what,
      ...shown.map((name) => figureText(name, row[name])),
      `${(row.spread * 100).toFixed(0)} %`,
      row.checksum,
      row.targets.map((target) => `${targetText(target)}: ${verdict(row, target)}`).join('; '),
    ]);
  return `${bench}: ${about} (peak memory ${peakMiB} MiB)\n${table.toString()}`;
}

const plainChars = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
};

/** What SPEC §15 asks, against what was measured: bench and row, target, figure, verdict, commit. */
export function targetRows({ results }: Run): readonly (readonly string[])[] {
  return results.flatMap(({ bench, rows, machine }) =>
    rows.flatMap((row) =>
      row.targets.map((target) => [
        `${bench}: ${row.what}`,
        targetText(target),
        figureText(target.field, row[target.field]),
        verdict(row, target),
        machine.commit,
      ]),
    ),
  );
}

export function figureText(name: FigureName, value: number | undefined): string {
  if (value === undefined) return '';
  if (name === 'rate') return `${Math.round(value).toLocaleString('en-US')}/s`;
  if (name === 'ratio') return value.toFixed(2);
  return name === 'bytes' ? size(value) : time(value);
}

function targetText({ field, bound, value }: Target): string {
  const shown = field === 'rate' ? `${value.toLocaleString('en-US')}/s` : figureText(field, value);
  return `${titles[field]} ${bound === 'at most' ? '≤' : '≥'} ${shown}`;
}

function verdict(row: Row, target: Target): string {
  const met = meets(row, target);
  return met === undefined ? 'not measured' : met ? 'met' : 'MISSED';
}

/** @param us microseconds. */
function time(us: number): string {
  if (us < 1) return `${(us * 1000).toFixed(0)} ns`;
  if (us < 1000) return `${us.toFixed(2)} µs`;
  return us < 1e6 ? `${(us / 1000).toFixed(2)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

function size(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
