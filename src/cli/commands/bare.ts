import { CollabError } from '../../base/errors.ts';
import type { StatusView } from '../../control/results.ts';
import type { CommandContext, CommandResult } from '../command-context.ts';
import type { BareData } from '../command-data.ts';
import { statusText } from './status.ts';

/** `agent-collab` alone: how things stand, and the command that is useful now. Not a failure when no daemon runs. */
export async function bare({ daemon, cwd, home }: CommandContext): Promise<CommandResult<BareData>> {
  const view = await currentStatus(daemon, cwd);
  const next = nextCommand(view);
  return {
    data: { status: view ?? null, next },
    text: (screen) => {
      const state =
        view === undefined ? `No daemon runs (data directory ${home}).\n` : statusText(view, screen);
      return `${state}${screen.paint('cyan', 'next:')} ${next}\n      agent-collab --help lists all commands.\n`;
    },
  };
}

async function currentStatus(daemon: CommandContext['daemon'], cwd: string): Promise<StatusView | undefined> {
  try {
    return (await daemon.call('status', { cwd })).data;
  } catch (error) {
    if (error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE') return undefined;
    throw error;
  }
}

export function nextCommand(view: StatusView | undefined): string {
  if (view === undefined) return 'agent-collab daemon start';
  if (view.readOnly !== null || view.audit.lost > 0) return 'agent-collab verify';
  if (view.locks.waiting > 0 || view.locks.held > 0) return 'agent-collab lock list';
  return 'agent-collab lock acquire <file> -m "what you intend"';
}
