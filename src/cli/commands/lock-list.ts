import { systemClock } from '../../base/clock.ts';
import type { CommandRun } from '../command-context.ts';
import { lockTable, waiterTable } from '../lock-text.ts';

export const list: CommandRun<'lock list'> = async (args, { daemon, cwd }) => {
  const { data, notices } = await daemon.call('lock.list', {
    ...(args.all && args.path === undefined ? {} : { cwd }),
    ...(args.path === undefined ? {} : { path: args.path }),
    ...(args.agent === undefined ? {} : { holder: args.agent }),
  });
  return {
    data,
    notices,
    text: async (screen) => {
      const nowMs = systemClock.wallMs();
      const { locks, waiters } = data;
      if (locks.length + waiters.length === 0) {
        return args.all ? 'no locks\n' : 'no locks in this project (--all shows those of every project)\n';
      }
      const parts = [
        ...(locks.length === 0 ? [] : [await lockTable(locks, screen, nowMs)]),
        ...(waiters.length === 0 ? [] : [await waiterTable(waiters, screen, nowMs)]),
      ];
      return parts.join('\n');
    },
  };
};
