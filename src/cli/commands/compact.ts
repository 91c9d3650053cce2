import type { CommandRun } from '../command-context.ts';
import { withProgress } from '../progress.ts';
import { formatBytes } from './status.ts';

export const compact: CommandRun<'compact'> = async (_args, { daemon, stderr }) => {
  const work = daemon.call('compact', {});
  const { data, notices } = await withProgress(stderr, 'dropping what is past its retention', work);
  return {
    data,
    notices,
    text: () =>
      `dropped ${data.dropped} deltas and ${data.auditDropped} audit events, gave ${formatBytes(data.reclaimedBytes)} back to the disk; the log now begins at ${data.floor}\n`,
  };
};
