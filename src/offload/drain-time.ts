import { setTimeout as delay } from 'node:timers/promises';

/** How long a close lets what waits on the main thread find its way into a queue; then it is refused. */
const drainTimeoutMs = 1_000;

/** Resolves when `drain` has settled, either way, or its time is over. */
export async function withinDrainTime(drain: Promise<unknown>): Promise<void> {
  await Promise.race([drain.catch(() => undefined), delay(drainTimeoutMs, undefined, { ref: false })]);
}
