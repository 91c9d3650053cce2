import { counted } from '../../base/counted.ts';
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
      `dropped ${counted(data.dropped, 'delta')} and ${counted(data.auditDropped, 'audit event')}, gave ${formatBytes(data.reclaimedBytes)} back to the disk; the log now begins at ${data.floor}\n`,
  };
};
