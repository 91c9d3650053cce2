import { counted } from '../../base/counted.ts';
import { CollabError } from '../../base/errors.ts';
import type { VerifyView } from '../../control/results.ts';
import { lostText } from '../../store/verify-report.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';

export const verify: CommandRun<'verify'> = async ({ repair }, context) => {
  let label = 'checking every record';
  const work = check(context, repair, (step) => {
    label = step;
  });
  const view = await withProgress(context.stderr, () => label, work);
  if (!view.sound) {
    throw new CollabError('VERIFY_FAILED', `${counted(view.problemCount, 'problem')} found`, {
      next: repair
        ? 'Restore a backup: agent-collab restore.'
        : 'Run agent-collab verify --repair: it keeps the damaged files and every record that can be read.',
      details: { checked: view.checked, problems: view.problems, problemCount: view.problemCount },
    });
  }
  return {
    data: view,
    text: (screen) => {
      const counts = Object.entries(view.checked).map(([what, count]) => [what, String(count)] as const);
      return `${screen.paint('green', 'sound')}\n${labelled(counts, screen)}${repairText(view)}`;
    },
  };
};

function repairText({ repaired }: VerifyView): string {
  if (repaired === undefined) return '';
  if (repaired.rebuilt.length === 0) return '\nnothing had to be repaired';
  const kept = repaired.aside.map((directory) => `\nkept: ${directory}`).join('');
  return `\nwritten anew: ${repaired.rebuilt.join(', ')}; lost: ${lostText(repaired.lost)}${kept}`;
}

/** By the daemon while one runs, since its stores are open to nobody else; else here, on the files at rest. */
async function check(
  { daemon, home }: CommandContext,
  repair: boolean,
  onStep: (label: string) => void,
): Promise<VerifyView> {
  const served = await daemon.callIfServed('verify', repair ? { repair } : {});
  if (served !== undefined) return served.data;
  const { verifyStopped } = await import('../../daemon/offline-verify.ts');
  return verifyStopped(home, {
    repair,
    onProgress: ({ store, done, total }) => onStep(`checking ${store}, ${done} of ${total}`),
  });
}
