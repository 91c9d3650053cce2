import type { BackgroundStart } from '../background-start.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { readDaemonAddress } from '../daemon-address.ts';
import { withProgress } from '../progress.ts';
import { printable } from '../screen.ts';
import type { StopOutcome } from '../stop-daemon.ts';

interface StartArguments {
  readonly memory: boolean;
  readonly port: number | undefined;
}

/** Starting what runs is no failure: a script wants a daemon, not the merit of having started it. */
export const start: CommandRun<'daemon start'> = async (args, context) => {
  const found = await startOrFind(args, context);
  const { address, started, summary } = found;
  return {
    data: describe(found),
    text: () =>
      started
        ? `the daemon runs (pid ${address.pid}, http://127.0.0.1:${address.port})\n${summaryText(summary)}`
        : `the daemon runs already (pid ${address.pid}); nothing was started\n`,
  };
};

export const stop: CommandRun<'daemon stop'> = async (_args, context) => {
  const outcome = await stopIt(context);
  return {
    data: outcome,
    text: () =>
      outcome.stopped ? `the daemon (pid ${outcome.pid}) has stopped\n` : 'no daemon was running\n',
  };
};

export const restart: CommandRun<'daemon restart'> = async (args, context) => {
  const stopped = await stopIt(context);
  const found = await startOrFind(args, context);
  const before = stopped.stopped ? `pid ${stopped.pid} has stopped` : 'none was running';
  return {
    data: { ...describe(found), stopped: stopped.stopped ? stopped.pid : null },
    text: () => `the daemon runs (pid ${found.address.pid}); ${before}\n${summaryText(found.summary)}`,
  };
};

async function startOrFind(args: StartArguments, { home, stderr }: CommandContext): Promise<BackgroundStart> {
  const { startInBackground } = await import('../background-start.ts');
  const { memory, port } = args;
  let label = 'starting the daemon';
  const onStep = (what: string) => {
    label = what;
  };
  return withProgress(stderr, () => label, startInBackground({ home, memory, port, onStep }));
}

async function stopIt({ home, stderr }: CommandContext): Promise<StopOutcome> {
  const { stopDaemon } = await import('../stop-daemon.ts');
  const pid = readDaemonAddress(home)?.pid;
  return withProgress(
    stderr,
    `stopping the daemon${pid === undefined ? '' : ` (pid ${pid})`}`,
    stopDaemon(home),
  );
}

function describe({ address: { token: _, ...address }, started, summary }: BackgroundStart) {
  return { started, ...address, summary };
}

function summaryText(summary: readonly string[]): string {
  return summary.map((line) => `${printable(line)}\n`).join('');
}
