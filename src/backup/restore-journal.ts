/**
 * Where a restore works, and restore.json: from the moment it is there, a restore goes forward to its end, whoever carries it on; before, nothing has changed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import { journalName, restoringName } from './backup-content.ts';
import { filesName } from './manifest.ts';

export type RestoreReason = 'restore' | 'rollback';

const phases = ['out', 'in', 'archive', 'clean'] as const;

/**
 * `out`: moving what is there aside; `in`: moving the copy into its place; `archive`: making a backup of what was moved aside; `clean`:
 * it is made, and what is left of the work is removed.
 */
type RestorePhase = (typeof phases)[number];

export interface RestoreJournal {
  readonly format: 1;
  /** The backup that is being restored, in backups/. */
  readonly source: string;
  readonly reason: RestoreReason;
  /** The name that what was there gets in backups/. */
  readonly safety: string;
  /** Names at the top of the data directory that stay where they are. */
  readonly keep: readonly string[];
  readonly startedAt: string;
  readonly phase: RestorePhase;
}

/**
 * ```
 * <home>/.restoring/new/            the copy of the backup, checked and synced before the journal is written
 * <home>/.restoring/safety/files/   what was there
 * ```
 */
export interface WorkPlaces {
  readonly root: string;
  readonly incoming: string;
  readonly safety: string;
  readonly aside: string;
}

export function workPlaces(home: string): WorkPlaces {
  const root = join(home, restoringName);
  const safety = join(root, 'safety');
  return { root, incoming: join(root, 'new'), safety, aside: join(safety, filesName) };
}

export async function writeJournal(home: string, journal: RestoreJournal): Promise<void> {
  await writeFileAtomic(join(home, journalName), `${JSON.stringify(journal, null, 2)}\n`, { mode: 0o600 });
}

/** @throws STORE_DAMAGED when there is one that cannot be read. */
export async function readJournal(home: string): Promise<RestoreJournal | undefined> {
  const path = join(home, journalName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const journal = parse(text);
  if (journal !== undefined) return journal;
  throw new CollabError('STORE_DAMAGED', `${path} says that a restore was interrupted, but cannot be read`, {
    next: 'Nothing is lost: what was there lies in .restoring/safety/files, the restored copy in .restoring/new and beside it.',
    details: { path },
  });
}

function parse(text: string): RestoreJournal | undefined {
  let value: Partial<Record<keyof RestoreJournal, unknown>>;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  const { format, source, reason, safety, keep, startedAt, phase } = value ?? {};
  const sound =
    format === 1 &&
    isName(source) &&
    isName(safety) &&
    (reason === 'restore' || reason === 'rollback') &&
    phases.some((one) => one === phase) &&
    typeof startedAt === 'string' &&
    Array.isArray(keep) &&
    keep.every(isName);
  return sound ? (value as RestoreJournal) : undefined;
}

/** One name in a directory: no path, not the directory itself. */
export function isName(value: unknown): value is string {
  return (
    typeof value === 'string' && value !== '' && value !== '.' && value !== '..' && !/[/\\\0]/.test(value)
  );
}
