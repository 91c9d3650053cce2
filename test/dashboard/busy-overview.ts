import type { HotSpotView, OverviewView, TimelineEntryView } from '../../src/control/overview-views.ts';
import { busyAgents, busyLocks, busyWaits, names } from './busy-work.ts';
import { entry, isoAfter, lane, project, quietStatus, usageDays } from './overview-parts.ts';

const days = usageDays((day) =>
  Math.round(1_450_000 * (1 + Math.sin(day * 1.3) * 0.55) * (day % 7 > 4 ? 0.18 : 1)),
);
const share = (name: string, part: number) => {
  const tokens = Math.round(days.reduce((sum, day) => sum + day.tokens, 0) * part);
  return { name, tokens, cost: tokens * 0.0000042 };
};

/** Thirty agents at work, on a node that is in no cluster. */
export const busyOverview: OverviewView = {
  at: isoAfter(0),
  status: {
    ...quietStatus,
    locks: {
      held: busyLocks.length,
      waiting: busyWaits.length,
      agents: names.length,
      fence: 4211,
      agreement: null,
    },
    deltas: { head: 18_422, committed: 18_422, flushed: 18_420, indexed: 18_411, floor: 0, count: 18_422 },
    audit: { count: 52_118, pending: 3, lost: 0 },
    search: { model: 'offline universal-sentence-encoder-lite-en-1', embedded: 1_204, entries: 1_210 },
    lanes: {
      ...quietStatus.lanes,
      persist: { ...lane, pendingBytes: 212_480 },
      index: { ...lane, pendingBytes: 1_341_440 },
    },
    store: { diskBytes: 187_432_960 },
  },
  agents: { shown: busyAgents, total: busyAgents.length },
  locks: { shown: busyLocks, total: busyLocks.length },
  waiters: { shown: busyWaits, total: busyWaits.length },
  hotSpots: hotSpots(),
  timeline: timeline(),
  usage: {
    days,
    agents: [
      share('ada', 0.31),
      share('cyd', 0.22),
      share('oz', 0.17),
      share('hana', 0.12),
      share('max', 0.07),
    ],
    models: [share('claude-sonnet-4-5', 0.58), share('gpt-5-codex', 0.27), share('gemini-2.5-pro', 0.15)],
  },
};

function hotSpots(): readonly HotSpotView[] {
  const spot = (path: string, denied: number, waited: number, granted: number, agents: number) => ({
    project,
    path,
    denied,
    waited,
    granted,
    agents,
  });
  return [
    spot('src/session/login.ts', 14, 9, 31, 6),
    spot('src/cart/cart-total.ts', 6, 8, 19, 5),
    spot('package.json', 5, 1, 12, 9),
    spot('src/session/token-store.ts', 2, 3, 8, 3),
    spot('src/cart/discounts.ts', 0, 2, 5, 2),
  ];
}

function timeline(): readonly TimelineEntryView[] {
  const list: readonly (readonly [what: string, agent: string, target: string, text: string])[] = [
    ['waited', 'sue', 'src/cart/discounts.ts', 'Rename coupon to discount'],
    ['denied', 'tom', 'src/session/login.ts:1-40', 'ada holds it for "Use the new session API"'],
    ['acquired', 'nia', 'test/cart/total.test.ts', 'Cover totals with tax'],
    [
      'context',
      'hana',
      'src/catalogue/search-index.ts',
      'Product names are folded to NFC before they are indexed',
    ],
    ['file_change', 'cyd', 'src/cart/cart-total.ts', 'lines 14–31 changed'],
    ['released', 'una', 'src/mail/templates.ts', 'Translate the order mail'],
    ['expired', 'val', 'src/session/cookie.ts', 'Set SameSite on the session cookie'],
    ['denied', 'wes', 'package.json', 'lea holds it for "Update hono"'],
    ['acquired', 'max', 'src/session/rate-limit.ts', 'Count attempts by account and address'],
    [
      'context',
      'ada',
      'src/session/login.ts',
      'Sessions now expire after 15 minutes; the cookie is renewed at half of that',
    ],
    ['renewed', 'gus', 'src/mail/order-mail.ts', 'Send order mails in the language of the customer'],
    ['forced', 'xia', 'src/payment/refund.ts', 'ended by an operator: its agent was gone'],
    ['released', 'yan', 'src/cart/voucher.ts', 'Vouchers for new customers'],
    ['acquired', 'ada', 'src/session/login.ts:1-40', 'Use the new session API'],
  ];
  return list.map(([what, agent, text, why], at) =>
    entry(`a${9_000 - at}`, what, agent, text, { at: isoAfter(-at * 7_300 - 900), text: why }),
  );
}
