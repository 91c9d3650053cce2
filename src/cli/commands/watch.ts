import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { systemClock } from '../../base/clock.ts';
import { CollabError } from '../../base/errors.ts';
import type { OverviewView, TimelineEntryView } from '../../control/overview-views.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { oneLine, openScreen, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { Terminal } from '../watch/terminal.ts';
import { drawFrame } from '../watch/watch-frame.ts';
import { panels } from '../watch/watch-panels.ts';
import { initialState, pressKey } from '../watch/watch-state.ts';

/** Countdowns show seconds. */
const redrawMs = 1000;
const retryMs = 1000;

export const watch: CommandRun<'watch'> = async (_args, context) => {
  if (context.json) await followJson(context);
  else if (isatty(1)) await fillTerminal(context);
  else await followText(context);
  return undefined;
};

/** Until the person leaves. A daemon that goes is waited for, also one that is not there yet. */
async function fillTerminal(context: CommandContext): Promise<void> {
  const left = new AbortController();
  const interrupted = context.interruption();
  interrupted.addEventListener('abort', () => left.abort());
  let view: OverviewView | undefined;
  let trouble: string | undefined;
  let state = initialState;
  let drawing: Promise<void> = Promise.resolve();
  const draw = () => {
    drawing = drawing.then(async () => {
      const screen = openScreen('stdout');
      const nowMs = systemClock.wallMs();
      terminal.draw(await drawFrame({ view, trouble, state, screen, height: terminal.height, nowMs }));
    });
  };
  const terminal = new Terminal({
    output: process.stdout as typeof process.stdout & { fd: 1 },
    input: isatty(0) ? process.stdin : undefined,
    onResize: draw,
    onKey: (key) => {
      const next = pressKey(state, key);
      if (next === 'quit') left.abort();
      else state = next;
      draw();
    },
  });
  terminal.open();
  const ticker = setInterval(() => state.isPaused || draw(), redrawMs);
  try {
    draw();
    while (!left.signal.aborted) {
      try {
        for await (const next of overviews(context, left.signal)) {
          trouble = undefined;
          if (!state.isPaused) view = next;
          draw();
        }
        trouble = 'the daemon stopped; waiting for it';
      } catch (error) {
        trouble = troubleText(error);
      }
      draw();
      context.daemon.close();
      await pause(retryMs, undefined, { signal: left.signal }).catch(() => {});
    }
    await drawing;
  } finally {
    clearInterval(ticker);
    terminal.close();
  }
}

/** @throws what is no matter of the daemon being there. */
function troubleText(error: unknown): string {
  if (error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE') {
    return 'no daemon runs; waiting for one (agent-collab daemon start)';
  }
  throw error;
}

async function* overviews(context: CommandContext, signal: AbortSignal): AsyncGenerator<OverviewView> {
  for await (const event of context.daemon.events(['overview'], signal, () => {})) {
    if (event.kind === 'overview') yield event.data;
  }
}

/** Each overview as a document of its own. @throws DAEMON_CLOSING when the daemon ends the stream. */
async function followJson(context: CommandContext): Promise<void> {
  const signal = context.interruption();
  for await (const view of overviews(context, signal)) await context.emit(view, () => '');
  if (!signal.aborted) throw stopped();
}

/** Into a pipe or file: how things stand, and then a line for each thing that happens. */
async function followText(context: CommandContext): Promise<void> {
  const signal = context.interruption();
  let known: ReadonlySet<string> | undefined;
  for await (const view of overviews(context, signal)) {
    if (known === undefined) await context.emit(view, (screen) => standing(view, screen));
    else {
      const before = known;
      const fresh = view.timeline.filter(({ key }) => !before.has(key)).reverse();
      for (const entry of fresh) await context.emit(view, () => entryLine(entry));
    }
    known = new Set(view.timeline.map(({ key }) => key));
  }
  if (!signal.aborted) throw stopped();
}

async function standing(view: OverviewView, screen: Screen): Promise<string> {
  const how = { screen, nowMs: systemClock.wallMs(), filter: '', skip: 0, height: 1000 };
  const parts = await Promise.all(
    (['leases', 'waiting', 'hot spots', 'timeline'] as const).map(async (name) => {
      const { lines } = await panels[name].draw(view, how);
      return `${name}\n${lines.map((line) => `  ${line}\n`).join('')}`;
    }),
  );
  return parts.join('\n');
}

function entryLine({ at, what, agent, targets, text }: TimelineEntryView): string {
  const parts = [showTime(at, systemClock.wallMs()), what, agent ?? '', targets.join(', '), text];
  return `${parts
    .filter((part) => part !== '')
    .map((part) => oneLine(part))
    .join('  ')}\n`;
}

function stopped(): CollabError {
  return new CollabError('DAEMON_CLOSING', 'the daemon stopped, and with it what there is to watch', {
    next: 'Start it again: agent-collab daemon start.',
  });
}
