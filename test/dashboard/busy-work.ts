/** Thirty agents at work: leases with all kinds of ends, a chain of waits and a queue before one file. */
import type { AgentView, WaitView } from '../../src/control/overview-views.ts';
import type { LockView } from '../../src/control/results.ts';
import { isoAfter, lock, project, wait } from './overview-parts.ts';

const otherProject = 'github.com/acme/docs';
export const names =
  'ada ben cyd dora eli fay gus hana ivo joy kit lea max nia oz pia quin rex sue tom una val wes xia yan zoe abe bea cal dee'.split(
    ' ',
  );
const paths = [
  'src/session/login.ts:1-40',
  'src/session/token-store.ts#class:TokenStore',
  'src/cart/cart-total.ts',
  'src/cart/discounts.ts:12-88',
  'src/payment/card-form.tsx',
  'src/payment/charge.ts:30-61',
  'src/mail/order-mail.ts',
  'src/catalogue/search-index.ts:101-140',
  'migrations/0042_orders.sql',
  'docs/checkout.md',
  'src/catalogue/**',
  'package.json',
  'src/session/rate-limit.ts',
  'test/cart/total.test.ts',
];
const intentions = [
  'Use the new session API',
  'Split TokenStore from its cache',
  'Round totals half to even',
  'Let discounts stack, as the ticket asks',
  'Validate the card number while it is typed',
  'Retry a charge once when the bank times out',
  'Send order mails in the language of the customer',
  'Index product names without accents',
  'Add orders.cancelled_at',
  'Describe the checkout for support',
  'Move the catalogue to the new loader',
  'Update hono',
  'Count attempts by account and address',
  'Cover totals with tax',
];

const secondsLeft = [74, 112, 9, 48, 31, 88, 540, 66, 104, 13, 95, 57, 2_520, 118];

function pick<T>(list: readonly T[], at: number): T {
  const found = list[at % list.length];
  if (found === undefined) throw new Error('the list is empty');
  return found;
}

export const busyLocks: readonly LockView[] = names.slice(0, 14).map((holder, at) =>
  lock(`lk_${(0x2f1c_83a0 + at * 7919).toString(16)}`, holder, pick(paths, at), {
    intention: pick(intentions, at),
    mode: at % 6 === 5 ? 'shared' : 'exclusive',
    assurance: at === 8 ? 'local' : 'cluster',
    acquiredAt: isoAfter(-90_000 + at * 4_000),
    expiresAt: isoAfter(pick(secondsLeft, at) * 1000),
    ...(at === 9 ? { project: otherProject } : {}),
  }),
);
const [login, store, total, discounts] = busyLocks;
if (login === undefined || store === undefined || total === undefined || discounts === undefined)
  throw new Error('four leases');
export const busyWaits: readonly WaitView[] = [
  wait('oz', 'src/session/login.ts:30-60', login, {
    waitingSince: isoAfter(-51_000),
    until: isoAfter(69_000),
  }),
  wait('ben', 'src/session/login.ts#function:login', login, {
    intention: 'Split TokenStore from its cache',
    waitingSince: isoAfter(-38_000),
  }),
  wait('pia', 'src/session/token-store.ts', store, {
    intention: 'Drop tokens that were never used',
    waitingSince: isoAfter(-33_000),
    until: isoAfter(27_000),
  }),
  wait('quin', 'src/session/login.ts', login, {
    intention: 'Name the reason when a login fails',
    waitingSince: isoAfter(-20_000),
    until: isoAfter(11_000),
    blockedBy: [
      { kind: 'lease', agent: 'ada', target: 'src/session/login.ts:1-40', lockId: login.id },
      { kind: 'waiter', agent: 'oz', target: 'src/session/login.ts:30-60' },
    ],
  }),
  wait('rex', 'src/cart/cart-total.ts', total, {
    intention: 'Show the tax in the cart',
    waitingSince: isoAfter(-8_000),
  }),
  wait('dora', 'src/cart/cart-total.ts', total, {
    intention: 'Let discounts stack, as the ticket asks',
    waitingSince: isoAfter(-5_000),
  }),
  wait('sue', 'src/cart/discounts.ts', discounts, {
    intention: 'Rename coupon to discount',
    waitingSince: isoAfter(-2_000),
  }),
];
const waiting = (name: string) => busyWaits.filter(({ agent }) => agent === name).length;
export const busyAgents: readonly AgentView[] = names.map((agent, at) => {
  const held = busyLocks.filter(({ holder }) => holder === agent);
  const wanted = busyWaits.find((it) => it.agent === agent)?.intention;
  const intention = wanted ?? held[0]?.intention;
  return {
    agent,
    projects: [held[0]?.project ?? project],
    held: held.length,
    waiting: waiting(agent),
    lastSeen: isoAfter(-at * 3_700),
    ...(intention === undefined ? {} : { intention }),
  };
});
