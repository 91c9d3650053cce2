import { fstatSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isatty } from 'node:tty';
import { agentFromEnvironment, terminalSession } from '../base/environment.ts';
import { maxAgentChars } from '../base/limits.ts';

/** Where an identity was found, so that a refusal can say how to choose another one. */
export interface AgentIdentity {
  readonly id: string;
  readonly from: 'flag' | 'environment' | 'terminal';
}

/**
 * Who a shell command acts for: `--agent`, else AGENT_COLLAB_AGENT or the session of the harness, else the user and the
 * terminal. Two terminals of a user are two agents; one terminal stays the same agent from command to command.
 */
export function agentIdentity(flag: string | undefined): AgentIdentity {
  if (flag !== undefined) return { id: flag, from: 'flag' };
  const session = agentFromEnvironment();
  if (session !== undefined) return { id: session, from: 'environment' };
  return { id: terminalAgent(userName(), terminalSession() ?? terminalName()), from: 'terminal' };
}

/** `ann@pts/3`, without what an agent id must not hold. */
export function terminalAgent(user: string, terminal: string): string {
  const id = `${user}@${terminal.replace(/^\/dev\//, '')}`;
  return id.replace(/\p{Cc}/gu, '_').slice(0, maxAgentChars);
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no entry in the user database.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/** The terminal that any of the three standard streams is, else the shell that runs us: the parent process. */
function terminalName(): string {
  for (const fd of [0, 1, 2]) {
    if (isatty(fd)) return ttyName(fd);
  }
  return `pid-${process.ppid}`;
}

function ttyName(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // No procfs (macOS): the device number tells terminals apart just as well.
    return `tty-${fstatSync(fd).rdev}`;
  }
}
