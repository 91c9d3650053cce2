import { CollabError } from '../base/errors.ts';
import type { StreamEvent, StreamKind } from '../control/results.ts';
import type { CommandContext } from './command-context.ts';
import type { Screen } from './screen.ts';

type ViewOf<Kind extends StreamKind> = Extract<StreamEvent, { kind: Kind }>['data'];

export interface Following<Kind extends StreamKind> {
  readonly kind: Kind;
  /** What was there before, newest first. */
  readonly backlog: () => Promise<readonly ViewOf<Kind>[]>;
  /** Rises from event to event. */
  readonly order: (view: ViewOf<Kind>) => number;
  /** The filters of the command, which the stream does not know. */
  readonly keep: (view: ViewOf<Kind>) => boolean;
  readonly text: (view: ViewOf<Kind>, screen: Screen) => string;
}

/**
 * Prints what was there and then what happens, each event once and none left out, until Ctrl-C.
 *
 * The stream is opened before the backlog is asked for: what happens in between is in both, and the order tells.
 * @throws DAEMON_CLOSING when the daemon ends the stream.
 */
export async function follow<Kind extends StreamKind>(
  context: CommandContext,
  following: Following<Kind>,
): Promise<undefined> {
  const { kind, backlog, order, keep, text } = following;
  const signal = context.interruption();
  let opened = () => {};
  const open = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const events = context.daemon.events([kind], signal, () => opened());
  let upcoming = events.next();
  // Looked at below; without this a failure during the backlog would count as unhandled.
  upcoming.catch(() => {});
  await Promise.race([open, upcoming]);
  let last = Number.NEGATIVE_INFINITY;
  const print = async (view: ViewOf<Kind>) => {
    if (order(view) <= last) return;
    last = order(view);
    if (keep(view)) await context.emit(view, (screen) => text(view, screen));
  };
  for (const view of [...(await backlog())].reverse()) await print(view);
  for (;;) {
    const { value, done } = await upcoming;
    if (done) break;
    upcoming = events.next();
    upcoming.catch(() => {});
    // The stream carries only the kind that was asked for.
    if (value.kind === kind) await print(value.data as ViewOf<Kind>);
  }
  if (signal.aborted) return undefined;
  throw new CollabError('DAEMON_CLOSING', 'the daemon stopped, and with it the stream of events', {
    next: 'Run the command again: it starts the daemon anew.',
  });
}
