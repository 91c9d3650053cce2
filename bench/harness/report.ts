/** The figures as text for people. */
import type { Machine } from './machine.ts';
import { meets, type Row, type Target } from './measure.ts';

const columns = [
  ['what', 34],
  ['p50', 11],
  ['p99', 11],
  ['rate', 13],
  ['ratio', 7],
  ['spread', 8],
  ['checksum', 10],
] as const;

export function machineText(machine: Machine): string {
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMiB} MiB`,
    `Node ${machine.node}, commit ${machine.commit}`,
    `fdatasync of 4 KiB: p50 ${machine.syncP50Ms.toFixed(2)} ms, p99 ${machine.syncP99Ms.toFixed(2)} ms`,
  ].join('\n');
}

export function tableHead(): string {
  return columns
    .map(([name, width]) => (name === 'what' ? name.padEnd(width) : name.padStart(width)))
    .join('');
}

export function rowText(row: Row): string {
  const cells: Readonly<Record<(typeof columns)[number][0], string>> = {
    what: row.what,
    p50: row.p50 === undefined ? '' : time(row.p50),
    p99: row.p99 === undefined ? '' : time(row.p99),
    rate: row.rate === undefined ? '' : `${Math.round(row.rate).toLocaleString('en-US')}/s`,
    ratio: row.ratio === undefined ? '' : row.ratio.toFixed(2),
    spread: `${(row.spread * 100).toFixed(0)} %`,
    checksum: row.checksum,
  };
  const line = columns
    .map(([name, width]) => (name === 'what' ? cells[name].padEnd(width) : cells[name].padStart(width)))
    .join('');
  return [
    line,
    ...row.targets.map((target) => `  target ${targetText(target)}: ${verdict(row, target)}`),
  ].join('\n');
}

function targetText({ field, bound, value }: Target): string {
  const shown =
    field === 'rate' ? `${value.toLocaleString('en-US')}/s` : field === 'ratio' ? String(value) : time(value);
  return `${field} ${bound} ${shown}`;
}

function verdict(row: Row, target: Target): string {
  const met = meets(row, target);
  return met === undefined ? 'not measured' : met ? 'met' : 'MISSED';
}

/** @param us microseconds. */
function time(us: number): string {
  if (us < 1) return `${(us * 1000).toFixed(0)} ns`;
  if (us < 1000) return `${us.toFixed(2)} µs`;
  return `${(us / 1000).toFixed(2)} ms`;
}
