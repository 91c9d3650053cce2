/**
 * `migrate start`: moves a data directory of the older program into the stores of this one.
 *
 * ```
 * check     nothing is written but daemon.lock
 * back up   backups/<name>/, every file, verified; or the one that a killed run has made
 * mark      migration.json: importing        from here on a later run takes the same start time and project
 * try       LMDB in migration.staging/trial
 * import    migration.staging/delta: the log that there will be
 * verify    every record, in a process of its own
 * mark      migration.json: placing          from here on only forward
 * place     renames (place-import.ts)
 * mark      migration.json: completed
 * clear     migration.staging
 * ```
 * Killed before `placing`, the directory is what it was but for the backup, the mark and a key that was missing, and all behind the mark
 * `importing` is done again, to the same bytes.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withFileErrors } from '../backup/file-error.ts';
import { finishInterruptedRestore } from '../backup/restore.ts';
import type { ByteProgress } from '../backup/tree.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { version } from '../base/version.ts';
import { type HomePaths, homePaths } from '../home/home-paths.ts';
import { loadOrCreateKey } from '../home/node-key.ts';
import { assertOwnDirectory, removeLeftovers } from '../home/prepare-home.ts';
import { dataFileName } from '../store/data-file.ts';
import { backUpOnce, bytesToBackUp, findOwnBackup, holdsWhatIsHere } from './before-migration.ts';
import { holdDirectory } from './hold-directory.ts';
import { chooseProject } from './import-project.ts';
import type { ImportTarget } from './imported-context.ts';
import { type LegacySurvey, surveyLegacy } from './legacy-survey.ts';
import { assertNoLegacyDaemon, assertOneFileSystem, assertRoom } from './migration-checks.ts';
import { migrationPaths } from './migration-paths.ts';
import { type MigrationReport, reportOf } from './migration-report.ts';
import {
  beginState,
  type ImportProject,
  type MigrationState,
  readMigrationState,
  writeMigrationState,
} from './migration-state.ts';
import { type Completed, clearStaging, type Placing, placeImport } from './place-import.ts';
import { copyLog, stageLog } from './stage-log.ts';

/** What a walk through a log found. */
export interface LogCheck {
  readonly sound: boolean;
  readonly checked: { readonly deltas: number };
  readonly problems: readonly { readonly where: string; readonly what: string }[];
}

/** What runs in a process of its own, since LMDB may end it (workers/migrate-process.ts). The command line supplies it. */
export interface MigrationTools {
  /** @throws STORE_UNAVAILABLE when LMDB does not work in this directory. */
  tryLmdb(directory: string): Promise<void>;
  verifyLog(
    directory: string,
    onProgress: (progress: { readonly done: number; readonly total: number }) => void,
  ): Promise<LogCheck>;
}

export interface MigrationProgress {
  readonly step: 'look' | 'backup' | 'import' | 'verify' | 'place';
  /** Bytes in `look` and `backup`, records in `import` and `verify`. */
  readonly done: number;
  readonly total: number;
}

export interface StartOptions {
  /** The data directory. */
  readonly home: string;
  /** Where the user stands, absolute. */
  readonly cwd: string;
  /** The repository that the contexts belong to. @default see `chooseProject` */
  readonly projectDirectory?: string | undefined;
  readonly tools: MigrationTools;
  readonly clock?: Clock;
  readonly onProgress?: (progress: MigrationProgress) => void;
}

type Importing = MigrationState & { readonly state: 'importing' };

export type StartOutcome =
  | { readonly outcome: 'nothing'; readonly why: string }
  | { readonly outcome: 'already'; readonly migration: Completed }
  | { readonly outcome: 'migrated'; readonly migration: Completed; readonly resumed: boolean };

/**
 * @throws DAEMON_RUNNING with the pid; HOME_UNUSABLE, KEY_INVALID, SCHEMA_NEWER, STORE_UNAVAILABLE (no room, no LMDB on this file system),
 * PROJECT_NOT_FOUND, VERIFY_FAILED. In each case the directory is what it was but for a backup and what a later run takes up.
 */
export async function startMigration(options: StartOptions): Promise<StartOutcome> {
  const paths = homePaths(options.home);
  if (!existsSync(paths.root)) return { outcome: 'nothing', why: `there is no ${paths.root}` };
  await assertOwnDirectory(paths.root);
  const held = await holdDirectory(paths);
  try {
    const outcome = await withFileErrors(paths.root, () => new Migration(paths, options).run());
    await held.release(outcome.outcome === 'nothing' ? 'as-before' : 'keep');
    return outcome;
  } finally {
    await held.release('as-before');
  }
}

class Migration {
  readonly #paths: HomePaths;
  readonly #options: StartOptions;
  readonly #clock: Clock;
  readonly #tell: (progress: MigrationProgress) => void;
  readonly #tellBackup = ({ done, total }: ByteProgress) => this.#tell({ step: 'backup', done, total });

  constructor(paths: HomePaths, options: StartOptions) {
    this.#paths = paths;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tell = options.onProgress ?? (() => {});
  }

  async run(): Promise<StartOutcome> {
    const { root } = this.#paths;
    await finishInterruptedRestore(root);
    await removeLeftovers(root, await readdir(root));
    const { state: file, staging } = migrationPaths(this.#paths);
    const found = await readMigrationState(file);
    if (found?.state === 'completed') {
      await clearStaging(staging);
      return { outcome: 'already', migration: found };
    }
    await assertNoLegacyDaemon(this.#paths);
    if (found?.state === 'placing')
      return { outcome: 'migrated', migration: await this.#place(found), resumed: true };
    const survey = await surveyLegacy(this.#paths, ({ done, total }) =>
      this.#tell({ step: 'look', done, total }),
    );
    if (!survey.isLegacy && found === undefined)
      return { outcome: 'nothing', why: `${root} holds nothing of the older program` };
    await assertOneFileSystem(this.#paths);
    failpoint('migrate.checked');
    const state = (await this.#takeUp(found, survey)) ?? (await this.#begin(survey, found));
    const report = await this.#import(state, survey);
    const placing: Placing = { ...state, state: 'placing', report, newConfig: newConfig(survey) };
    await writeMigrationState(file, placing);
    failpoint('migrate.placing');
    return { outcome: 'migrated', migration: await this.#place(placing), resumed: found !== undefined };
  }

  /** What an earlier run has begun, as long as its backup is good. Another project may be named: nothing is in its place yet. */
  async #takeUp(found: Importing | undefined, survey: LegacySurvey): Promise<Importing | undefined> {
    if (found === undefined || !(await holdsWhatIsHere(this.#paths.root, found.backup, this.#tellBackup)))
      return undefined;
    if (this.#options.projectDirectory === undefined) return found;
    const state: Importing = { ...found, project: await this.#project(survey) };
    await writeMigrationState(migrationPaths(this.#paths).state, state);
    return state;
  }

  /** Up to the first mark. A killed run leaves a backup, which the next one takes when nothing has changed since. */
  async #begin(survey: LegacySurvey, earlier: Importing | undefined): Promise<Importing> {
    const { state: file, staging } = migrationPaths(this.#paths);
    const project = await this.#project(survey);
    // Before anything is copied: a key that cannot be read would only be found out behind ten minutes of it.
    if (survey.hasKey) await loadOrCreateKey(this.#paths);
    if (earlier !== undefined) {
      await clearStaging(staging);
      await rm(file);
    }
    const made = await findOwnBackup(this.#paths.root, this.#tellBackup);
    const backupBytes = made === undefined ? await bytesToBackUp(this.#paths.root) : 0;
    await this.#assertRoom(survey, backupBytes);
    const backup = made ?? (await backUpOnce(this.#paths.root, this.#tellBackup));
    failpoint('migrate.backed-up');
    const state = beginState({
      startedAt: new Date(this.#clock.wallMs()).toISOString(),
      version,
      backup,
      project,
      newIdentity: earlier?.newIdentity ?? !survey.hasKey,
    });
    await writeMigrationState(file, state);
    failpoint('migrate.marked');
    return state;
  }

  #project({ config }: LegacySurvey): Promise<ImportProject> {
    const { cwd, projectDirectory } = this.#options;
    return chooseProject(config.projectName, { directory: projectDirectory, cwd });
  }

  async #import(state: MigrationState, survey: LegacySurvey): Promise<MigrationReport> {
    const { staging, stagedLog, trial } = migrationPaths(this.#paths);
    await clearStaging(staging);
    await this.#assertRoom(survey, 0);
    await mkdir(staging, { mode: 0o700 });
    await this.#options.tools.tryLmdb(trial);
    failpoint('migrate.tried');
    const before = await this.#copyPresentLog(stagedLog);
    const key = await loadOrCreateKey(this.#paths);
    failpoint('migrate.keyed');
    const { entries } = survey.vectors;
    const staged = await stageLog(stagedLog, {
      key,
      target: await importTarget(state.project),
      startedMs: Date.parse(state.startedAt),
      vectors: this.#paths.vectors,
      entries,
      onProgress: (done) => this.#tell({ step: 'import', done, total: entries.length }),
    });
    failpoint('migrate.imported');
    await this.#verify(stagedLog, before + staged.imported);
    failpoint('migrate.verified');
    return reportOf(survey, staged, { node: key.nodeId, newIdentity: state.newIdentity });
  }

  /** Returns how many deltas the log has already. Damage in it is told before anything is added to it. */
  async #copyPresentLog(to: string): Promise<number> {
    const { deltaStore, auditStore } = this.#paths;
    if (!existsSync(join(deltaStore, dataFileName))) {
      if (existsSync(join(auditStore, dataFileName))) throw logIsGone(deltaStore);
      return 0;
    }
    await copyLog(this.#paths.deltaStore, to);
    failpoint('migrate.copied');
    return (await this.#verify(to, undefined)).checked.deltas;
  }

  async #verify(directory: string, expected: number | undefined): Promise<LogCheck> {
    const found = await this.#options.tools.verifyLog(directory, ({ done, total }) =>
      this.#tell({ step: 'verify', done, total }),
    );
    const { deltas } = found.checked;
    const problems = found.problems.map(({ where, what }) => `${where}: ${what}`);
    if (found.sound && (expected === undefined || deltas === expected)) return found;
    if (found.sound) problems.push(`there are ${deltas} deltas instead of ${expected}`);
    const which =
      expected === undefined ? 'the log that is there already is damaged' : 'the imported log is not sound';
    throw new CollabError('VERIFY_FAILED', `${which}: ${problems[0] ?? 'unknown damage'}`, {
      next:
        expected === undefined
          ? 'Run agent-collab verify --repair first.'
          : 'Check the disk, then run this again.',
      details: { problems },
    });
  }

  #place(state: Placing): Promise<Completed> {
    this.#tell({ step: 'place', done: 0, total: 1 });
    return placeImport(this.#paths, state, this.#clock);
  }

  async #assertRoom(survey: LegacySurvey, backupBytes: number): Promise<void> {
    const log = await stat(join(this.#paths.deltaStore, dataFileName)).catch(() => undefined);
    await assertRoom(this.#paths, {
      backupBytes,
      logBytes: log?.size ?? 0,
      contexts: survey.vectors.entries.length,
      contentBytes: survey.vectors.contentBytes,
    });
  }
}

/** A new log would hide it, and its fences would begin anew (daemon/store-start.ts refuses as well). */
function logIsGone(directory: string): CollabError {
  return new CollabError(
    'STORE_DAMAGED',
    `there is no log in ${directory}, but an audit trail beside it: the log was lost`,
    {
      next: 'Put the log back, or move the directory lmdb away to begin with an empty log.',
      details: { directory },
    },
  );
}

async function importTarget({ id, name, root }: ImportProject): Promise<ImportTarget> {
  // The older program wrote paths as the user had typed them, which may go through a link.
  const real = root === null ? undefined : await realpath(root).catch(() => undefined);
  const roots = [...new Set([root, real].filter((it) => typeof it === 'string'))];
  return { project: id, projectName: name ?? undefined, roots };
}

/** Where only YAML names the project: what reads it here looks into config.json. */
function newConfig({ config }: LegacySurvey): string | null {
  if (config.files.includes('config.json') || config.projectName === undefined) return null;
  return `${JSON.stringify({ project_name: config.projectName }, null, 2)}\n`;
}
