/**
 * A look at an environment's file before lmdb-js gets it. Not for politeness:
 * - When LMDB refuses to open a file, lmdb-js 3.5.6 frees a structure twice and the process dies, at once or later.
 * - When a file was cut, touching a page behind its end kills the process with SIGBUS.
 *
 * LMDB's format: two meta pages of at least 4096 bytes, each `[u64 page number][u64 transaction][u16][u16 flags][u32]`, and
 * from byte 24 `[u32 magic][u32 version][u64][u64 map size]`, two table headers of 48 bytes of which the first begins with the
 * page size, `[u64 last page][u64 transaction]`.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';

export const dataFileName = 'data.mdb';
export const lockFileName = 'lock.mdb';

const metaFlag = 0x08;
const magic = 0xbeefc0de;
const formatVersion = 2;
const metaBytes = 160;
const leastPageBytes = 512;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/**
 * @param mayExtend the caller is the only one that writes: then a file that ends early is filled up with zeros. LMDB never reads
 * the end of a healthy file when it is not there; of a file that was cut, zeros fail every check, where a missing page would kill.
 * @throws STORE_DAMAGED, and Node's own errors for what the file system refuses.
 */
export function checkDataFile(directory: string, readOnly: boolean, mayExtend: boolean): void {
  const access = readOnly ? constants.R_OK : constants.R_OK | constants.W_OK;
  if (!statSync(directory).isDirectory())
    throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
  accessSync(directory, access | constants.X_OK);
  for (const name of [dataFileName, lockFileName]) {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false });
    // A copy has no lock file until it is opened once; a reader of nothing is told so by the file system.
    if (stats === undefined && !(readOnly && name === dataFileName)) continue;
    accessSync(join(directory, name), access);
    if (stats?.isFile() !== true) throw damaged(directory, `${name} is no file`);
  }
  const file = join(directory, dataFileName);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const fd = openSync(file, readOnly ? 'r' : 'r+');
  try {
    const needed = neededBytes(directory, fd);
    if (fstatSync(fd).size >= needed || !(readOnly || mayExtend)) return;
    if (readOnly) throw damaged(directory, `the file is shorter than the ${needed} bytes that it speaks of`);
    // One byte at the end rather than a truncation to that length, which could cut what another thread has just written.
    writeSync(fd, Uint8Array.of(0), 0, 1, needed - 1);
  } finally {
    closeSync(fd);
  }
}

function neededBytes(directory: string, fd: number): number {
  const first = readMeta(directory, fd, 0);
  const second = readMeta(directory, fd, first.pageBytes);
  const newest = second.transaction > first.transaction ? second : first;
  return (newest.lastPage + 1) * newest.pageBytes;
}

function readMeta(directory: string, fd: number, at: number): Meta {
  const page = Buffer.alloc(metaBytes);
  if (readSync(fd, page, 0, metaBytes, at) < metaBytes) throw damaged(directory, 'the file ends in its head');
  if ((page.readUInt16LE(18) & metaFlag) === 0 || page.readUInt32LE(24) !== magic)
    throw damaged(directory, 'the file is no LMDB file (MDB_INVALID)');
  const version = page.readUInt32LE(28) & 0xffff;
  if (version !== formatVersion)
    throw damaged(directory, `the file has LMDB format ${version} (MDB_VERSION_MISMATCH)`);
  const pageBytes = page.readUInt32LE(48);
  const lastPage = Number(page.readBigUInt64LE(144));
  const sound =
    pageBytes >= leastPageBytes &&
    pageBytes <= 65_536 &&
    (pageBytes & (pageBytes - 1)) === 0 &&
    Number.isSafeInteger(lastPage * pageBytes);
  if (!sound) throw damaged(directory, 'the head of the file is damaged (MDB_CORRUPTED)');
  return { pageBytes, lastPage, transaction: page.readBigUInt64LE(152) };
}

function damaged(directory: string, what: string): CollabError {
  return new CollabError('STORE_DAMAGED', `the store in ${directory} cannot be opened: ${what}`, {
    next: 'Stop the daemon and put a copy of the data directory in its place.',
    details: { directory },
  });
}
