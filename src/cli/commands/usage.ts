import { systemClock } from '../../base/clock.ts';
import type { CommandRun } from '../command-context.ts';
import { printable } from '../screen.ts';
import { textTable } from '../text-table.ts';

/** Days before today that a period goes back. */
const daysBack = { day: 0, week: 6, month: 29 } as const;
const dayMs = 86_400_000;

export const usage: CommandRun<'usage'> = async (args, { daemon }) => {
  const nowMs = systemClock.wallMs();
  // The command line has checked it against the choices.
  const period = (args.period ?? 'day') as keyof typeof daysBack;
  const by = args.by === 'model' ? 'model' : 'agent';
  const range = { fromDay: utcDay(nowMs - daysBack[period] * dayMs), toDay: utcDay(nowMs) };
  const { data } = await daemon.call('usage.totals', range);
  const { tokens, records, byAgent, byModel } = data;
  const rows = Object.entries(by === 'agent' ? byAgent : byModel)
    .map(([name, count]) => ({ name, tokens: count }))
    .sort((a, b) => b.tokens - a.tokens);
  return {
    data: { period, ...range, tokens, records, by, rows },
    text: async (screen) => {
      if (rows.length === 0) return `no tokens were reported from ${range.fromDay} to ${range.toDay} (UTC)\n`;
      const table = await textTable<(typeof rows)[number]>(
        [
          { head: by.toUpperCase(), cell: (row) => printable(row.name), wraps: true },
          { head: 'TOKENS', cell: (row) => String(row.tokens) },
        ],
        rows,
        screen,
      );
      return `${table}${tokens} tokens in ${records} records from ${range.fromDay} to ${range.toDay} (UTC)\n`;
    },
  };
};

function utcDay(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}
