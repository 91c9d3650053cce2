/** The files beside the stores: settings, identity, backups, and what an interrupted restore or migration left. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { listBackups } from '../backup/list-backups.ts';
import { readJournal } from '../backup/restore-journal.ts';
import { systemClock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { type CollabError, toCollabError } from '../base/errors.ts';
import { loadConfig } from '../home/config-file.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { decodeKeyDocument } from '../home/node-key.ts';
import { migrationStatus } from '../migrate/migration-status.ts';
import { bad, type CheckName, type Finding, mendable, ok, warn } from './finding.ts';

/** A week of what agents learned is more than most would like to lose. */
const oldBackupMs = 7 * 86_400_000;

export interface SettingsFinding {
  readonly finding: Finding;
  /** As configured, or the default when the settings do not load. */
  readonly maxBytes: number | null;
}

export async function checkSettings(paths: HomePaths): Promise<SettingsFinding> {
  try {
    const { config, warnings } = await loadConfig(paths);
    const { maxBytes } = config.storage;
    const finding =
      warnings.length === 0
        ? ok('settings', existsSync(paths.config) ? 'config.json loads' : 'no config.json: all defaults')
        : warn('settings', warnings.join(' '), 'See agent-collab config show.');
    return { finding, maxBytes };
  } catch (error) {
    return { finding: failure('settings', error), maxBytes: null };
  }
}

export async function checkIdentity({ key }: HomePaths): Promise<Finding> {
  if (!existsSync(key)) return ok('identity', 'no key.json yet: the first start makes one');
  try {
    const { nodeId } = decodeKeyDocument(await readFile(key, 'utf8'), key);
    return ok('identity', `key.json holds the key of ${nodeId}`);
  } catch (error) {
    return failure('identity', error);
  }
}

export async function checkRestore({ root }: HomePaths): Promise<Finding> {
  try {
    const journal = await readJournal(root);
    if (journal === undefined) return ok('restore', 'none is half done');
    return mendable('restore', 'bad', `a ${journal.reason} of backup ${journal.source} was interrupted`);
  } catch (error) {
    return failure('restore', error);
  }
}

export async function checkMigration({ root }: HomePaths): Promise<Finding> {
  const start = 'Run: agent-collab migrate start.';
  try {
    const { state } = await migrationStatus(root);
    if (state === 'possible')
      return warn('migration', 'data of the older program is here, not migrated', start);
    if (state === 'importing') return warn('migration', 'a migration was begun and not ended', start);
    if (state === 'placing')
      return mendable('migration', 'bad', 'a migration was interrupted at its last step');
    return ok('migration', state === 'completed' ? 'done' : 'nothing to migrate');
  } catch (error) {
    return failure('migration', error);
  }
}

export async function checkBackups({ root }: HomePaths): Promise<Finding> {
  const make = 'Make one: agent-collab backup.';
  const listed = await listBackups(root);
  const complete = listed.filter((one) => one.state === 'complete');
  const halves = listed.length - complete.length;
  const besides = halves === 0 ? '' : `; ${halves} incomplete, which the next backup clears away or names`;
  const newest = complete[0];
  if (newest === undefined) return warn('backups', `there are none in backups/${besides}`, make);
  const ageMs = systemClock.wallMs() - Date.parse(newest.createdAt);
  const says = `${complete.length}, the newest ${newest.name} is ${formatDuration(Math.max(0, ageMs))} old${besides}`;
  return ageMs > oldBackupMs ? warn('backups', says, make) : ok('backups', says);
}

/** What repairs have set aside is never removed by itself: it is the only copy of what could not be read. */
export async function checkSetAside({ damagedStores }: HomePaths): Promise<Finding> {
  const kept = (await readdir(damagedStores).catch(() => [])).sort();
  if (kept.length === 0) return ok('set-aside', 'no store was ever damaged');
  const next = `Look at report.json in each; remove them when nothing in them is missed.`;
  return warn(
    'set-aside',
    `repairs have kept ${kept.length} damaged files in ${damagedStores}: ${kept.join(', ')}`,
    next,
  );
}

function failure(check: CheckName, error: unknown): Finding {
  const { message, next }: CollabError = toCollabError(error);
  return bad(check, message, next ?? 'See docs/STORAGE.md.');
}
