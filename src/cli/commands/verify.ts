import { CollabError } from '../../base/errors.ts';
import type { VerifyView } from '../../control/results.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';

export const verify: CommandRun<'verify'> = async (_args, context) => {
  let label = 'checking every record';
  const work = check(context, (step) => {
    label = step;
  });
  const view = await withProgress(context.stderr, () => label, work);
  if (!view.sound) {
    throw new CollabError('VERIFY_FAILED', `${view.problemCount} problems found`, {
      next: 'Copy the data directory before you change anything in it.',
      details: { checked: view.checked, problems: view.problems, problemCount: view.problemCount },
    });
  }
  return {
    data: view,
    text: (screen) => {
      const counts = Object.entries(view.checked).map(([what, count]) => [what, String(count)] as const);
      return `${screen.paint('green', 'sound')}\n${labelled(counts, screen)}`;
    },
  };
};

/** By the daemon while one runs, since its stores are open to nobody else; else here, on the files at rest. */
async function check({ daemon, home }: CommandContext, onStep: (label: string) => void): Promise<VerifyView> {
  try {
    return (await daemon.call('verify', {})).data;
  } catch (error) {
    const isDown =
      error instanceof CollabError &&
      error.code === 'DAEMON_UNREACHABLE' &&
      error.details?.sent === undefined;
    if (!isDown) throw error;
  }
  const { verifyStopped } = await import('../../daemon/offline-verify.ts');
  return verifyStopped(home, {
    onProgress: ({ store, done, total }) => onStep(`checking ${store}, ${done} of ${total}`),
  });
}
