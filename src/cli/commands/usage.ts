import { systemClock } from '../../base/clock.ts';
import type { UsageView } from '../../control/usage-views.ts';
import type { UsageSum } from '../../usage/usage-totals.ts';
import type { CommandRun } from '../command-context.ts';
import { printable, type Screen } from '../screen.ts';
import { textTable } from '../text-table.ts';

/** Days before today that a period goes back. */
const daysBack = { day: 0, week: 6, month: 29 } as const;
const dayMs = 86_400_000;
const groups = { agent: 'byAgent', model: 'byModel', category: 'byCategory', day: 'byDay' } as const;
const barChars = 24;

interface Row extends UsageSum {
  readonly name: string;
}

export const usage: CommandRun<'usage'> = async (args, { daemon }) => {
  const nowMs = systemClock.wallMs();
  // The command line has checked both against the choices.
  const period = (args.period ?? 'day') as keyof typeof daysBack;
  const by = (args.by ?? 'agent') as keyof typeof groups;
  const range = { fromDay: utcDay(nowMs - daysBack[period] * dayMs), toDay: utcDay(nowMs) };
  const { data } = await daemon.call('usage.totals', range);
  const rows = Object.entries(data[groups[by]])
    .map(([name, sum]): Row => ({ name, ...sum }))
    .sort((a, b) => (by === 'day' ? a.name.localeCompare(b.name) : b.tokens - a.tokens));
  const { tokens, cost, records, unpriced, pricesDate } = data;
  return {
    data: { period, ...range, tokens, cost, records, unpriced, pricesDate, by, rows },
    text: async (screen) =>
      rows.length === 0
        ? `no tokens were reported from ${range.fromDay} to ${range.toDay} (UTC)\n`
        : (await chart(by, rows, screen)) + sentence(data, range),
  };
};

async function chart(by: string, rows: readonly Row[], screen: Screen): Promise<string> {
  const most = Math.max(1, ...rows.map(({ tokens }) => tokens));
  return textTable<Row>(
    [
      { head: by.toUpperCase(), cell: ({ name }) => printable(name), wraps: true },
      { head: 'TOKENS', cell: ({ tokens }) => String(tokens) },
      { head: 'COST', cell: ({ cost }) => dollars(cost) },
      { head: '', cell: ({ tokens }) => '█'.repeat(Math.ceil((tokens / most) * barChars)) },
    ],
    rows,
    screen,
  );
}

function sentence(
  { tokens, cost, records, unpriced, pricesDate }: UsageView,
  { fromDay, toDay }: { readonly fromDay: string; readonly toDay: string },
): string {
  const without = unpriced === 0 ? '' : `; ${unpriced} of them of models without a price`;
  return `${tokens} tokens in ${records} records from ${fromDay} to ${toDay} (UTC), ${dollars(cost)} by list prices of ${pricesDate}${without}\n`;
}

function dollars(cost: number): string {
  return `$${cost.toFixed(cost > 0 && cost < 1 ? 4 : 2)}`;
}

function utcDay(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}
