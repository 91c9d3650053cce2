import { systemClock } from '../../base/clock.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import { lockTable, waiterTable } from '../lock-text.ts';
import { printable } from '../screen.ts';

export const why: CommandRun<'why'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('why', { cwd, target: args.target, agent });
  return {
    data,
    notices,
    text: async (screen) => {
      const nowMs = systemClock.wallMs();
      const parts = [
        `${printable(data.explanation)}\n`,
        ...(data.locks.length === 0 ? [] : [await lockTable(data.locks, screen, nowMs)]),
        ...(data.waiters.length === 0 ? [] : [await waiterTable(data.waiters, screen, nowMs)]),
      ];
      return parts.join('\n');
    },
  };
};
