import { systemClock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { writeErr } from '../base/log.ts';
import type { Screen } from './screen.ts';

/** Work that is done sooner shows nothing. */
const quietMs = 1000;
const stepMs = 1000;

/** Of several at once (a wait that first starts the daemon) the one that began last is shown. */
let shownLast: symbol | undefined;

/**
 * Says on a terminal's standard error what is being done and for how long, while `work` takes over a second.
 * @param label as a function for what changes on the way, such as a count.
 */
export async function withProgress<T>(
  screen: Screen,
  label: string | (() => string),
  work: Promise<T>,
): Promise<T> {
  if (!screen.isTerminal) return work;
  const startMs = systemClock.monotonicMs();
  const outer = shownLast;
  const own = Symbol('progress');
  shownLast = own;
  let shown = false;
  const show = () => {
    if (shownLast !== own) return;
    shown = true;
    // Back to the start of the line, erase it, write it anew.
    const what = typeof label === 'string' ? label : label();
    writeErr(`\r\x1b[K${what} … ${formatDuration(systemClock.monotonicMs() - startMs)}`);
  };
  let ticker: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show();
    ticker = setInterval(show, stepMs);
  }, quietMs);
  try {
    return await work;
  } finally {
    clearTimeout(first);
    clearInterval(ticker);
    if (shownLast === own) shownLast = outer;
    if (shown) writeErr('\r\x1b[K');
  }
}
