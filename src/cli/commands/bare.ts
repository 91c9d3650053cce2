import { userHome } from '../../base/environment.ts';
import { CollabError } from '../../base/errors.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandContext, CommandResult } from '../command-context.ts';
import type { BareData } from '../command-data.ts';
import { oneLine } from '../screen.ts';
import { advice, type Facts } from '../situation.ts';
import { statusText } from './status.ts';

/** A daemon that needs longer to say how it is has something the matter. */
const statusWithinMs = 5000;

/** `agent-collab` alone: how things stand, and the command that is useful now. Not a failure when no daemon runs. */
export async function bare(context: CommandContext): Promise<CommandResult<BareData>> {
  const facts = await factsOf(context);
  const status = typeof facts.daemon === 'string' ? null : facts.daemon;
  const { situation, next, why } = advice(facts);
  return {
    data: { status, situation, next, why },
    text: (screen) => {
      const state = status === null ? absentText(facts.daemon, context.home) : statusText(status, screen);
      const help = screen.paint('dim', 'agent-collab --help lists all commands.');
      return `${state}${screen.paint('cyan', 'next:')} ${next}\n      (${oneLine(why)})\n      ${help}\n`;
    },
  };
}

function absentText(daemon: Facts['daemon'], home: string): string {
  return daemon === 'silent'
    ? `The daemon does not answer (data directory ${home}).\n`
    : `No daemon runs (data directory ${home}).\n`;
}

async function factsOf({ daemon: link, cwd, home }: CommandContext): Promise<Facts> {
  const [daemon, hasOldData] = await Promise.all([statusOf(link, cwd), holdsOldData(home)]);
  const isServed = typeof daemon !== 'string';
  const [{ locks, waiters }, inRepository, unconnected] = await Promise.all([
    isServed && daemon.project !== null ? locksOf(link, cwd) : noLocks,
    isRepository(cwd),
    isServed ? unconnectedClients() : [],
  ]);
  const { id: agent } = agentIdentity(undefined);
  return { daemon, hasOldData, agent, locks, waiters, inRepository, unconnected };
}

async function statusOf(link: CommandContext['daemon'], cwd: string): Promise<Facts['daemon']> {
  try {
    return (await link.call('status', { cwd }, { timeoutMs: statusWithinMs })).data;
  } catch (error) {
    if (!(error instanceof CollabError) || error.code !== 'DAEMON_UNREACHABLE') throw error;
    return error.details?.sent === true ? 'silent' : 'none';
  }
}

const noLocks: Pick<Facts, 'locks' | 'waiters'> = { locks: [], waiters: [] };

/** Of the project, so that what others wait for can be compared with what is held. */
async function locksOf(
  link: CommandContext['daemon'],
  cwd: string,
): Promise<Pick<Facts, 'locks' | 'waiters'>> {
  return (await link.call('lock.list', { cwd })).data;
}

async function isRepository(cwd: string): Promise<boolean> {
  const { findRepository } = await import('../../project/git-repository.ts');
  try {
    return (await findRepository(cwd)).kind !== 'none';
  } catch {
    // A directory that cannot be looked at is for the command that is run in it to complain about.
    return true;
  }
}

/** Those that are installed, unless one of them is connected: whoever chose one need not hear of the others. */
async function unconnectedClients(): Promise<readonly string[]> {
  const [{ clientsIn }, { hasOurs, isInstalled }] = await Promise.all([
    import('../../setup/clients.ts'),
    import('../../setup/set-up.ts'),
  ]);
  const installed: string[] = [];
  for (const client of clientsIn(userHome())) {
    if (!(await isInstalled(client))) continue;
    if (await hasOurs(client)) return [];
    installed.push(client.title);
  }
  return installed;
}

async function holdsOldData(home: string): Promise<boolean> {
  const { migrationStatus } = await import('../../migrate/migration-status.ts');
  try {
    const { state } = await migrationStatus(home);
    return state !== 'none' && state !== 'completed';
  } catch {
    // What is wrong with the directory is what `doctor` and the daemon tell of.
    return false;
  }
}
