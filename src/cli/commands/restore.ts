import { listBackups } from '../../backup/list-backups.ts';
import { type RestoreOutcome, type RestoreProgress, restoreBackup } from '../../backup/restore.ts';
import { systemClock } from '../../base/clock.ts';
import { counted } from '../../base/counted.ts';
import { formatDuration } from '../../base/duration.ts';
import { CollabError } from '../../base/errors.ts';
import { carryFenceInChild } from '../../offload/backup-child.ts';
import { byteProgress } from '../byte-progress.ts';
import type { CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';
import type { Screen } from '../screen.ts';
import { withSuggestion } from '../suggestion.ts';
import { formatBytes } from './status.ts';

const steps: Readonly<Record<RestoreProgress['step'], string>> = {
  copy: 'copying and comparing the backup',
  keep: 'making a backup of what was there',
};

export const restore: CommandRun<'restore'> = async ({ name }, { home, stderr }) => {
  if (name === undefined) throw await whichOne(home);
  const startMs = systemClock.monotonicMs();
  let label = 'restoring';
  const work = restoreBackup({
    home,
    name,
    reason: 'restore',
    carryFence: carryFenceInChild,
    onProgress: ({ step, ...progress }) => {
      label = byteProgress(steps[step], progress);
    },
  });
  const names = async () => (await listBackups(home)).map((one) => one.name);
  const outcome = await withProgress(stderr, () => label, work).catch(async (error: unknown) =>
    Promise.reject(await withSuggestion(error, name, names)),
  );
  const durationMs = Math.round(systemClock.monotonicMs() - startMs);
  return { data: { ...outcome, durationMs }, text: (screen) => restoreText(outcome, durationMs, screen) };
};

function restoreText(
  { name, safety, files, bytes, resumed, finished }: RestoreOutcome,
  durationMs: number,
  screen: Screen,
): string {
  const how = resumed ? 'an interrupted restore was finished' : 'each file was compared with its checksum';
  return labelled(
    [
      ['restored', screen.paint('green', name)],
      [
        'put back',
        `${counted(files, 'file')}, ${formatBytes(bytes)}, in ${formatDuration(durationMs)}; ${how}`,
      ],
      ['before', `what was there is backup ${safety}; to go back: agent-collab restore ${safety}`],
      ['note', finished],
      ['next', 'agent-collab daemon start'],
    ],
    screen,
  );
}

async function whichOne(home: string): Promise<CollabError> {
  const backups = (await listBackups(home)).filter((one) => one.state === 'complete').map((one) => one.name);
  return new CollabError('USAGE', 'which backup is to be restored?', {
    next:
      backups.length === 0
        ? 'There are none; make one: agent-collab backup.'
        : `Name one: ${backups.join(', ')}.`,
    details: { backups },
  });
}
