/** migration.json: how far a migration is and, once it is completed, what it did. The one mark that there was a migration. */
import { readFile } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import type { ProjectId } from '../base/ids.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import type { MigrationReport } from './migration-report.ts';

const format = 1;

export interface ImportProject {
  readonly id: ProjectId;
  /** As the older program had it; null when it had none. */
  readonly name: string | null;
  /** `directory`: the user named it. `current-directory`: the repository there has the same name. `name`: made of the name alone. */
  readonly via: 'directory' | 'current-directory' | 'name';
  /** Top of its working tree, null when it is not known. */
  readonly root: string | null;
}

interface Begun {
  readonly format: typeof format;
  /** ISO 8601; the time that every imported delta carries. */
  readonly startedAt: string;
  /** Of the program that began it. */
  readonly version: string;
  readonly backup: string;
  readonly project: ImportProject;
  /** True when there was no key.json, and one was made. */
  readonly newIdentity: boolean;
}

export type MigrationState =
  | (Begun & { readonly state: 'importing' })
  /** The log is whole in the staging directory and is being put in its place. `newConfig` becomes config.json unless there is one. */
  | (Begun & {
      readonly state: 'placing';
      readonly report: MigrationReport;
      readonly newConfig: string | null;
    })
  | (Begun & { readonly state: 'completed'; readonly completedAt: string; readonly report: MigrationReport });

/** @throws SCHEMA_NEWER when a newer version wrote it, STORE_DAMAGED when it cannot be read. */
export async function readMigrationState(path: string): Promise<MigrationState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw damaged(
      path,
      `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      error,
    );
  }
  let value: Partial<Record<string, unknown>> | null;
  try {
    value = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  } catch (error) {
    throw damaged(path, 'is not JSON', error);
  }
  if (typeof value !== 'object' || value === null) throw damaged(path, 'holds no object');
  if (typeof value.format === 'number' && value.format > format) {
    throw new CollabError(
      'SCHEMA_NEWER',
      `${path} has format ${value.format}, this version knows ${format}`,
      {
        next: 'Install the newest agent-collab.',
        details: { path, format: value.format, known: format },
      },
    );
  }
  if (!isState(value)) throw damaged(path, 'has fields of the wrong form');
  return value;
}

export async function writeMigrationState(path: string, state: MigrationState): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

export function beginState(begun: Omit<Begun, 'format'>): MigrationState & { readonly state: 'importing' } {
  return { format, state: 'importing', ...begun };
}

/** Written by this program alone and atomically: the fields that decide something are looked at, the report is not. */
function isState(value: object): value is MigrationState {
  const {
    format: it,
    state,
    startedAt,
    backup,
    project,
    report,
    newConfig,
  } = value as Partial<Record<string, unknown>>;
  const { id, via } = (project ?? {}) as Partial<Record<string, unknown>>;
  const begun =
    it === format &&
    typeof startedAt === 'string' &&
    !Number.isNaN(Date.parse(startedAt)) &&
    typeof backup === 'string' &&
    typeof id === 'string' &&
    typeof via === 'string';
  if (!begun) return false;
  if (state === 'importing') return true;
  if (typeof report !== 'object' || report === null) return false;
  return (
    state === 'completed' || (state === 'placing' && (newConfig === null || typeof newConfig === 'string'))
  );
}

function damaged(path: string, what: string, cause?: unknown): CollabError {
  return new CollabError('STORE_DAMAGED', `${path} ${what}`, {
    next: 'List the backups with agent-collab migrate backups, and put one back with agent-collab migrate restore.',
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
