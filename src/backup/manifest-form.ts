/**
 * What a manifest must look like before anybody acts on it. A seal can be made by anybody: whatever a manifest says, a restore writes
 * below its target only, and nothing of its own is replaced.
 */
import { journalName, restoringName } from './backup-content.ts';
import { type BackupManifest, backupReasons } from './manifest.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a restore itself works with: no backup has it, and one that claims to would have it replaced in the middle. */
const reserved: ReadonlySet<string> = new Set(['backups', 'daemon.lock', journalName, restoringName]);
const lastMode = 0o7777;

/** What is wrong with it, to go on from `its manifest`; undefined: nothing. */
export function flawOf(manifest: BackupManifest): string | undefined {
  const { name, reason, createdAt, version, node, stores, leftOut, checksum, tree }: Fields = { ...manifest };
  const isWhole =
    isText(name) &&
    backupReasons.some((one) => one === reason) &&
    isText(createdAt) &&
    !Number.isNaN(Date.parse(createdAt)) &&
    isText(version) &&
    (node === null || isText(node)) &&
    (stores === null || areStores(stores)) &&
    isList(leftOut) &&
    leftOut.every((one) => isFields(one) && isText(one.path) && isText(one.why)) &&
    isText(checksum) &&
    isFields(tree) &&
    isMode(tree.mode) &&
    isCount(tree.bytes) &&
    isList(tree.entries);
  return isWhole
    ? flawOfEntries((tree as { readonly entries: readonly unknown[] }).entries)
    : 'lacks a field';
}

function flawOfEntries(entries: readonly unknown[]): string | undefined {
  const directories = new Set(['']);
  let before = '';
  for (const entry of entries) {
    if (!isFields(entry) || !isText(entry.path)) return 'has an entry that is none';
    const { path } = entry;
    const shown = JSON.stringify(path);
    const segments = path.split('/');
    const isPlain = segments.every(
      (name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'),
    );
    if (!isPlain || reserved.has(segments[0] ?? '')) return `names ${shown}`;
    // Sorted, and so none twice: a link and then a directory of one name would lead out.
    if (path <= before) return `has ${shown} out of order`;
    before = path;
    if (!directories.has(segments.slice(0, -1).join('/'))) return `has ${shown} in no directory`;
    if (!isEntry(entry)) return `says of ${shown} what cannot be`;
    if (entry.kind === 'directory') directories.add(path);
  }
  return undefined;
}

function isEntry({ kind, mode, mtimeUs, size, sha256, target }: Fields): boolean {
  switch (kind) {
    case 'file':
      return isMode(mode) && isTime(mtimeUs) && isCount(size) && isText(sha256);
    case 'directory':
      return isMode(mode) && isTime(mtimeUs);
    case 'link':
      return isTime(mtimeUs) && isText(target) && target !== '' && !target.includes('\0');
    default:
      return kind === 'other';
  }
}

function areStores(stores: unknown): boolean {
  return (
    isFields(stores) &&
    typeof stores.sound === 'boolean' &&
    isCount(stores.deltas) &&
    isCount(stores.auditEvents) &&
    isList(stores.problems)
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Before 1970 too, and beyond what is exact in microseconds. */
function isTime(value: unknown): boolean {
  return Number.isFinite(value);
}

function isMode(value: unknown): boolean {
  return isCount(value) && (value as number) <= lastMode;
}
