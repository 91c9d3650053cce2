/** Moving from the older program, and back. None of these needs a daemon, and but for `status` and `backups` none works beside one. */

import { resolve } from 'node:path';
import { type BackupListing, listBackups } from '../../backup/list-backups.ts';
import type { RestoreProgress } from '../../backup/restore.ts';
import { systemClock } from '../../base/clock.ts';
import { counted } from '../../base/counted.ts';
import type { MigrationReport } from '../../migrate/migration-report.ts';
import type { MigrationState } from '../../migrate/migration-state.ts';
import type { MigrationStatus } from '../../migrate/migration-status.ts';
import type { MigrationProgress, StartOutcome } from '../../migrate/start-migration.ts';
import { carryFenceInChild } from '../../offload/backup-child.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';
import { oneLine, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { withSuggestion } from '../suggestion.ts';
import { textTable } from '../text-table.ts';
import { formatBytes } from './status.ts';

/** Of each list that the text shows; `--json` has more. */
const maxShown = 12;

export const start: CommandRun<'migrate start'> = async (args, context) => {
  const { home, cwd } = context;
  const [{ startMigration }, { migrationTools }] = await Promise.all([
    import('../../migrate/start-migration.ts'),
    import('../migrate-child.ts'),
  ]);
  const shown = showProgress(context, 'looking at what there is');
  const work = startMigration({
    home,
    cwd,
    tools: migrationTools,
    projectDirectory: args.project === undefined ? undefined : resolve(cwd, args.project),
    onProgress: (progress) => shown.say(startText(progress)),
  });
  const outcome = await shown.until(work);
  return { data: outcome, text: (screen) => outcomeText(outcome, screen) };
};

export const status: CommandRun<'migrate status'> = async (_args, { home }) => {
  const { migrationStatus } = await import('../../migrate/migration-status.ts');
  const found = await migrationStatus(home);
  return { data: found, text: (screen) => statusText(found, screen) };
};

export const rollback: CommandRun<'migrate rollback'> = async (_args, context) => {
  const { rollbackMigration } = await import('../../migrate/rollback-migration.ts');
  const shown = showProgress(context, 'rolling back');
  const work = rollbackMigration({ home: context.home, onProgress: (it) => shown.say(restoreText(it)) });
  const outcome = await shown.until(work);
  return {
    data: outcome,
    text: () =>
      `${outcome.resumed ? 'an interrupted rollback was finished: ' : ''}${context.home} is as it was before the migration (backup ${outcome.backup})\n` +
      `what was there until now is backup ${outcome.safety}\n`,
  };
};

export const backups: CommandRun<'migrate backups'> = async (_args, { home }) => {
  const listed = await listBackups(home);
  return { data: { home, backups: listed }, text: (screen) => backupsText(listed, screen) };
};

export const restore: CommandRun<'migrate restore'> = async ({ name }, context) => {
  const { home } = context;
  const { restoreStopped } = await import('../../migrate/rollback-migration.ts');
  const shown = showProgress(context, 'restoring');
  const work = restoreStopped({
    home,
    name,
    carryFence: carryFenceInChild,
    onProgress: (it) => shown.say(restoreText(it)),
  });
  const names = async () => (await listBackups(home)).map((one) => one.name);
  const outcome = await shown
    .until(work)
    .catch(async (error: unknown) => Promise.reject(await withSuggestion(error, name, names)));
  return {
    data: outcome,
    text: () =>
      `restored ${counted(outcome.files, 'file')} (${formatBytes(outcome.bytes)}) from backup ${outcome.name}\n` +
      `what was there until now is backup ${outcome.safety}\n`,
  };
};

function showProgress({ stderr }: CommandContext, first: string) {
  let label = first;
  return {
    say: (text: string) => {
      label = text;
    },
    until: <T>(work: Promise<T>) => withProgress(stderr, () => label, work),
  };
}

function startText({ step, done, total }: MigrationProgress): string {
  switch (step) {
    case 'look':
      return `reading vectors, ${formatBytes(done)} of ${formatBytes(total)}`;
    case 'backup':
      return `backing up, ${formatBytes(done)} of ${formatBytes(total)}`;
    case 'import':
      return `importing contexts, ${done} of ${total}`;
    case 'verify':
      return `verifying, ${done} of ${total}`;
    case 'place':
      return 'putting the new log in its place';
  }
}

function restoreText({ step, done, total }: RestoreProgress): string {
  const what = step === 'copy' ? 'copying the backup' : 'keeping what was there';
  return `${what}, ${formatBytes(done)} of ${formatBytes(total)}`;
}

function outcomeText(outcome: StartOutcome, screen: Screen): string {
  switch (outcome.outcome) {
    case 'nothing':
      return `nothing to migrate: ${outcome.why}\n`;
    case 'already':
      return (
        `migrated already, ${showTime(outcome.migration.completedAt, systemClock.wallMs())}; nothing was done\n` +
        migrationText(outcome.migration, screen)
      );
    case 'migrated':
      return `${screen.paint('green', 'migrated')}${outcome.resumed ? ' (an earlier run was taken up)' : ''}\n${migrationText(outcome.migration, screen)}${nextText(outcome.migration, screen)}`;
  }
}

function nextText({ project }: MigrationState, screen: Screen): string {
  const where =
    project.root === null
      ? 'agent-collab context list --all'
      : `in ${project.root}: agent-collab context list`;
  return (
    `${screen.paint('cyan', 'next:')} ${where}\n` +
    'To take it all back, as long as you like: agent-collab migrate rollback\n'
  );
}

function migrationText(state: MigrationState, screen: Screen): string {
  const report = state.state === 'importing' ? undefined : state.report;
  const { project, backup } = state;
  const head = labelled(
    [
      ['identity', report === undefined ? undefined : identityText(report)],
      ['project', oneLine(projectText(project))],
      ['contexts', report === undefined ? undefined : contextsText(report)],
      ['metrics', report === undefined ? undefined : metricsText(report)],
      [
        'log',
        report === undefined ? undefined : `${formatBytes(report.logBytes)}, ends at position ${report.head}`,
      ],
      ['backup', `backups/${backup}`],
    ],
    screen,
  );
  return head + (report === undefined ? '' : listsText(report, screen));
}

function identityText({ node, newIdentity }: MigrationReport): string {
  return newIdentity ? `${node} (new: there was no key.json)` : `${node} (unchanged)`;
}

function projectText({ id, name, via }: MigrationState['project']): string {
  if (via === 'name') return `${id}, of no repository (name one with --project DIR before you migrate)`;
  return name === null ? id : `${id} (was called ${name})`;
}

function contextsText(report: MigrationReport): string {
  const { contexts, vectorFiles, duplicates, unwrapped, cut, skippedCount } = report;
  const besides = [
    [duplicates, 'with the same text as an earlier one'],
    [unwrapped, 'taken out of a JSON wrapping'],
    [cut, 'cut to the size of a delta'],
    [skippedCount, 'skipped'],
  ] as const;
  const told = besides.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [`${contexts} imported from ${counted(vectorFiles, 'file')}`, ...told].join(', ');
}

function metricsText({ metrics }: MigrationReport): string {
  const { files, records, badLines } = metrics;
  return `${counted(records, 'record')} in ${counted(files, 'file')}, read in place${badLines === 0 ? '' : `; ${counted(badLines, 'torn or bad line')}`}`;
}

function listsText({ skipped, skippedCount, kept, warnings }: MigrationReport, screen: Screen): string {
  const lines = [
    ...skipped.map(
      ({ file, document, why }) => `skipped: ${[file, document].filter(Boolean).join(', ')}: ${why}`,
    ),
  ].slice(0, maxShown);
  if (skippedCount > lines.length) lines.push(`skipped: … and ${skippedCount - lines.length} more`);
  const others = [
    ...kept.map(({ path, why }) => `kept: ${path}: ${why}`),
    ...warnings.map((text) => `${screen.paint('yellow', 'warning:')} ${text}`),
  ];
  return [...lines, ...others].map((line) => `${oneLine(line)}\n`).join('');
}

async function statusText(found: MigrationStatus, screen: Screen): Promise<string> {
  const { migration, interrupted, backups: listed } = found;
  const parts = [`${stateText(found)}\n`];
  if (interrupted !== null)
    parts.push(`${screen.paint('yellow', 'note:')} a ${interrupted} was interrupted; run it again\n`);
  if (migration !== null) parts.push(migrationText(migration, screen));
  parts.push(listed.length === 0 ? 'no backups\n' : `\n${await backupsText(listed, screen)}`);
  return parts.join('');
}

function stateText({ state, home, migration }: MigrationStatus): string {
  switch (state) {
    case 'none':
      return `${home} holds nothing of the older program`;
    case 'possible':
      return `${home} holds data of the older program; move it with: agent-collab migrate start`;
    case 'importing':
    case 'placing':
      return `a migration was begun and not ended; take it up with: agent-collab migrate start`;
    case 'completed':
      return `migrated ${migration?.state === 'completed' ? showTime(migration.completedAt, systemClock.wallMs()) : ''}`;
  }
}

function backupsText(listed: readonly BackupListing[], screen: Screen): Promise<string> | string {
  if (listed.length === 0) return 'no backups\n';
  const nowMs = systemClock.wallMs();
  return textTable<BackupListing>(
    [
      { head: 'NAME', cell: (it) => it.name },
      { head: 'REASON', cell: (it) => (it.state === 'complete' ? it.reason : 'incomplete') },
      { head: 'FILES', cell: (it) => (it.state === 'complete' ? String(it.files) : '') },
      { head: 'SIZE', cell: (it) => (it.state === 'complete' ? formatBytes(it.bytes) : '') },
      {
        head: 'MADE',
        cell: (it) => (it.state === 'complete' ? showTime(it.createdAt, nowMs) : it.why),
        wraps: true,
      },
    ],
    listed,
    screen,
  );
}
