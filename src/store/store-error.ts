/** What LMDB and the operating system say, in our codes and with the next step. */
import { CollabError, type ErrorCode } from '../base/errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly what: string;
  readonly next: string;
}

const restore =
  'Stop the daemon, run agent-collab verify, and put a copy of the data directory in its place if it is damaged.';

/** By LMDB's error number (lmdb.h) or by errno name; lmdb-js passes the number as `code`, Node the name. */
const meanings: ReadonlyMap<number | string, Meaning> = new Map<number | string, Meaning>([
  [-30797, { code: 'STORE_DAMAGED', what: 'a page is missing (MDB_PAGE_NOTFOUND)', next: restore }],
  [-30796, { code: 'STORE_DAMAGED', what: 'a page is corrupted (MDB_CORRUPTED)', next: restore }],
  // No page is wrong: LMDB refuses everything until all handles of the process are closed, which the daemon does.
  [
    -30795,
    {
      code: 'STORE_UNAVAILABLE',
      what: 'an earlier write failed (MDB_PANIC)',
      next: 'Check the disk, and restart the daemon if it does not recover.',
    },
  ],
  [
    -30794,
    {
      code: 'STORE_DAMAGED',
      what: 'the file has another LMDB format (MDB_VERSION_MISMATCH)',
      next: restore,
    },
  ],
  [-30793, { code: 'STORE_DAMAGED', what: 'the file is no LMDB file (MDB_INVALID)', next: restore }],
  [
    -30792,
    {
      code: 'STORE_UNAVAILABLE',
      what: 'the map is full (MDB_MAP_FULL)',
      next: 'Lower the retention and run agent-collab compact.',
    },
  ],
  [
    -30790,
    {
      code: 'STORE_UNAVAILABLE',
      what: 'no reader slot is free (MDB_READERS_FULL)',
      next: 'Stop other programs that read the store.',
    },
  ],
  ...errno('ENOSPC', 28, 'the disk is full', 'Free some disk space; nothing that was saved is lost.'),
  ...errno('EDQUOT', 122, 'the disk quota is used up', 'Free some space; nothing that was saved is lost.'),
  ...errno('EFBIG', 27, 'the file may not grow', 'Raise the file size limit of the process.'),
  ...errno('EROFS', 30, 'the file system is read-only', 'Remount it writable, or move AGENT_COLLAB_HOME.'),
  ...errno(
    'EIO',
    5,
    'the disk reports an I/O error',
    'Check the disk (dmesg) and restore a backup if needed.',
  ),
  ...errno('EACCES', 13, 'access is denied', 'Give the user of the daemon read and write access to it.'),
  ...errno('EPERM', 1, 'access is denied', 'Give the user of the daemon read and write access to it.'),
  ...errno('ENOENT', 2, 'it does not exist', 'Look at the disk and the permissions of the data directory.'),
  ...errno('ENOTDIR', 20, 'a file is in the way', 'Move it away, or set AGENT_COLLAB_HOME.'),
  ...errno('EEXIST', 17, 'a file is in the way', 'Move it away, or set AGENT_COLLAB_HOME.'),
  ...errno('EMFILE', 24, 'too many files are open', 'Raise the limit of open files (ulimit -n).'),
  ...errno('ENOMEM', 12, 'memory is short', 'Raise the limit of address space (ulimit -v).'),
  ...errno('EAGAIN', 11, 'a lock is not available', 'Move AGENT_COLLAB_HOME to a local file system.'),
  // LMDB answers EINVAL to every write after a failed meta page: the environment must be opened again.
  ...errno(
    'EINVAL',
    22,
    'an earlier write failed',
    'Restart the daemon; check the disk if it happens again.',
  ),
]);

function errno(name: string, number: number, what: string, next: string): [number | string, Meaning][] {
  const meaning: Meaning = { code: 'STORE_UNAVAILABLE', what: `${what} (${name})`, next };
  return [
    [name, meaning],
    [number, meaning],
  ];
}

/**
 * Errors that are ours already pass as they are, and so do assertions: a defect must not look like a full disk.
 * What lmdb-js throws without a number is unknown to us and becomes STORE_UNAVAILABLE with the original as cause.
 */
export function storeError(error: unknown, directory: string): unknown {
  if (error instanceof CollabError) return error;
  const { code, errno } = (error ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  // Node has no name for some errors of Linux, such as EDQUOT.
  const number = typeof errno === 'number' ? -errno : undefined;
  const meaning = [code, number]
    .map((key) => (typeof key === 'number' || typeof key === 'string' ? meanings.get(key) : undefined))
    .find((found) => found !== undefined);
  if (meaning === undefined && typeof code !== 'number') return error;
  const what = meaning?.what ?? (error instanceof Error ? error.message : String(error));
  return new CollabError(meaning?.code ?? 'STORE_UNAVAILABLE', `the store in ${directory} failed: ${what}`, {
    next: meaning?.next ?? 'Look at the disk and the permissions of the data directory.',
    details: { directory, cause: error instanceof Error ? error.message : String(error) },
    cause: error,
  });
}
