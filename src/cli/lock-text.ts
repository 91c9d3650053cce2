/** Locks and waiting claims as text for people. */
import type { LockView, Notice, WaiterView } from '../control/results.ts';
import { onNode } from '../lock/lock.ts';
import { labelled } from './labelled.ts';
import { oneLine, type Screen } from './screen.ts';
import { showTime } from './show-time.ts';

export function lockText(lock: LockView, screen: Screen, nowMs: number): string {
  return labelled(
    [
      ['lock', lock.id],
      ['fence', String(lock.fence)],
      ['targets', oneLine(targetTexts(lock))],
      ['mode', lock.mode],
      ['holder', oneLine(holderOf(lock))],
      ['intention', oneLine(lock.intention)],
      ['expires', showTime(lock.expiresAt, nowMs)],
      ['assurance', lock.assurance],
    ],
    screen,
  );
}

export async function lockTable(locks: readonly LockView[], screen: Screen, nowMs: number): Promise<string> {
  const { textTable } = await import('./text-table.ts');
  // Alone, every grant is as good as the next.
  const isAgreed = locks.some(({ node, assurance }) => node !== undefined || assurance === 'local');
  return textTable<LockView>(
    [
      { head: 'LOCK', cell: (lock) => lock.id },
      { head: 'FENCE', cell: (lock) => String(lock.fence) },
      { head: 'TARGETS', cell: targetTexts, wraps: true },
      { head: 'MODE', cell: (lock) => lock.mode },
      { head: 'HOLDER', cell: holderOf, wraps: true },
      { head: 'INTENTION', cell: (lock) => lock.intention, wraps: true },
      { head: 'EXPIRES', cell: (lock) => showTime(lock.expiresAt, nowMs) },
      ...(isAgreed ? [{ head: 'ASSURANCE', cell: (lock: LockView) => lock.assurance }] : []),
    ],
    locks,
    screen,
  );
}

export async function waiterTable(
  waiters: readonly WaiterView[],
  screen: Screen,
  nowMs: number,
): Promise<string> {
  const { textTable } = await import('./text-table.ts');
  return textTable<WaiterView>(
    [
      { head: 'WAITING', cell: (waiter) => waiter.agent + onNode(waiter), wraps: true },
      { head: 'TARGETS', cell: targetTexts, wraps: true },
      { head: 'MODE', cell: (waiter) => waiter.mode },
      { head: 'INTENTION', cell: (waiter) => waiter.intention, wraps: true },
      { head: 'PRIORITY', cell: (waiter) => String(waiter.priority) },
      { head: 'SINCE', cell: (waiter) => showTime(waiter.waitingSince, nowMs) },
    ],
    waiters,
    screen,
  );
}

function holderOf(lock: LockView): string {
  return (lock.holderName ?? lock.holder) + onNode(lock);
}

/** What an agent must know before it writes: these leases are no longer its own. */
export function noticeText(notice: Notice, screen: Screen, nowMs: number): string {
  const head = screen.paint('yellow', 'notice:');
  return `${head} ${oneLine(notice.message)} [lock ${notice.lockId}, ${notice.kind} ${showTime(notice.at, nowMs)}]\n`;
}

export function targetTexts(of: { readonly targets: readonly { readonly text: string }[] }): string {
  return of.targets.map((target) => target.text).join(', ');
}
