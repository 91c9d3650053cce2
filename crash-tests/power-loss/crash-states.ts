/** Which of the pending operations a power loss lets through: the extremes, and seeded choices between them. */
import { createHash } from 'node:crypto';
import type { SeededRandom } from '../../test/support/seed.ts';
import {
  applyNames,
  type BlockVersion,
  blockBytes,
  type DiskModel,
  type Inode,
  type NameChange,
  sectorBytes,
} from './disk-model.ts';

/** What is let through of everything that is pending. */
export const variants = [
  'none',
  'all',
  'meta pages only',
  'all but meta pages',
  'newest write only',
  'contents without names',
  'names without contents',
  'any subset',
  'any subset, torn',
] as const;
/**
 * What no disk does that writes its sectors whole: a meta page whose words are some new and some old. LMDB has no checksum that would show
 * it, so this is asked for apart.
 */
export const beyondDisks = 'meta page torn inside a sector';
export type Variant = (typeof variants)[number] | typeof beyondDisks;

/** A directory as it is found after the power is back. */
export type DiskState = ReadonlyMap<string, Buffer | 'directory'>;

export interface CrashState {
  readonly files: DiskState;
  /** Equal for states that are the same byte for byte in what counts, and only for those. */
  readonly key: string;
  /** Pending blocks, names and sizes at that moment, of what counts; and how many blocks were torn. */
  readonly pending: number;
  readonly torn: number;
}

/** How one block comes out: a version of it, -1 for what was on disk before; torn, some of its sectors are those of an older one. */
interface BlockChoice {
  readonly version: number;
  readonly torn?: {
    readonly older: number;
    readonly pieceBytes: number;
    /** For each piece. */
    readonly isOld: readonly boolean[];
  };
}

const before: BlockChoice = { version: -1 };

/** LMDB's two meta pages are the first two of its file. */
export const metaBlocks = 2;
/** What memory and processors write whole. */
const wordBytes = 8;
const isDataFile = ({ label }: Inode) => label.endsWith('data.mdb');
const isMetaBlock = (inode: Inode, at: number) => isDataFile(inode) && at < metaBlocks;

/**
 * Not what every start makes anew, whatever it finds: temporary files, the record of the daemon before, LMDB's table of readers. States
 * that differ in nothing else would make a large number of few.
 */
function counts(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return !name.startsWith('.') && !name.startsWith('daemon.') && name !== 'lock.mdb';
}

/** How many things that count may be on disk or not; 0 when the disk can be in one state only. */
export function pendingCount(model: DiskModel): number {
  let count = model.pendingNames.filter(({ entries }) => entries.some(({ path }) => counts(path))).length;
  for (const inode of model.inodes())
    if (counts(inode.label)) count += inode.blocks.size + inode.sizes.length;
  return count;
}

export function buildState(model: DiskModel, variant: Variant, random: SeededRandom): CrashState {
  const names = new Map(model.durableNames);
  for (const change of model.pendingNames)
    if (letsNameThrough(change, model, variant, random)) applyNames(names, change.entries);
  const newest = newestWrite(model);
  const files = new Map<string, Buffer | 'directory'>();
  const contents = new Map<Inode, Buffer>();
  let torn = 0;
  for (const [path, inode] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (path === '' || !reachable(names, path)) continue;
    if (inode.isDirectory) {
      files.set(path, 'directory');
      continue;
    }
    let bytes = contents.get(inode);
    if (bytes === undefined) {
      const file = buildFile(inode, variant, random, newest);
      bytes = file.bytes;
      torn += file.torn;
      contents.set(inode, bytes);
    }
    files.set(path, bytes);
  }
  return { files, key: keyOf(files), pending: pendingCount(model), torn };
}

function keyOf(files: DiskState): string {
  const hash = createHash('sha256');
  for (const [path, content] of files) {
    if (!counts(path)) continue;
    hash.update(`${path}\0${content === 'directory' ? 'directory' : content.length}\0`);
    if (content !== 'directory') hash.update(content);
  }
  return hash.digest('hex');
}

function letsNameThrough(
  change: NameChange,
  model: DiskModel,
  variant: Variant,
  random: SeededRandom,
): boolean {
  if (variant === 'none' || variant === 'contents without names') return false;
  if (variant === 'newest write only') return change.operation === model.pendingNames.at(-1)?.operation;
  return variant.startsWith('any subset') ? random.chance(0.5) : true;
}

/** A file whose directory did not reach the disk is not found. */
function reachable(names: ReadonlyMap<string, Inode>, path: string): boolean {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (names.get(path.slice(0, at))?.isDirectory !== true) return false;
  return true;
}

function newestWrite(model: DiskModel): number {
  let newest = -1;
  for (const inode of model.inodes())
    for (const versions of inode.blocks.values()) newest = Math.max(newest, versions.at(-1)?.operation ?? -1);
  return newest;
}

function buildFile(
  inode: Inode,
  variant: Variant,
  random: SeededRandom,
  newest: number,
): { readonly bytes: Buffer; readonly torn: number } {
  const choices = [...inode.blocks].map(([at, versions]) => ({
    at,
    versions,
    choice: chooseBlock(inode, at, versions, variant, random, newest),
  }));
  const present = choices.filter(({ choice }) => choice !== before);
  const needed = Math.max(0, ...present.map(({ at }) => Math.min((at + 1) * blockBytes, inode.cacheSize)));
  const bytes = Buffer.alloc(chooseSize(inode, variant, random, needed));
  inode.durable.copy(bytes, 0, 0, Math.min(inode.durableSize, bytes.length));
  for (const { at, versions, choice } of present) placeBlock(inode, bytes, at, versions, choice);
  return { bytes, torn: present.filter(({ choice }) => choice.torn !== undefined).length };
}

function chooseBlock(
  inode: Inode,
  at: number,
  versions: readonly BlockVersion[],
  variant: Variant,
  random: SeededRandom,
  newest: number,
): BlockChoice {
  const last = { version: versions.length - 1 };
  const isMeta = isMetaBlock(inode, at);
  switch (variant) {
    case 'none':
    case 'names without contents':
      return before;
    case 'all':
    case 'contents without names':
      return last;
    case beyondDisks:
      return isMeta ? tornChoice(versions.length - 1, wordBytes, random) : last;
    case 'meta pages only':
      return isMeta ? last : before;
    case 'all but meta pages':
      return isMeta ? before : last;
    case 'newest write only':
      return versions.at(-1)?.operation === newest ? last : before;
    default:
      return anyVersion(versions.length, variant === 'any subset, torn', random);
  }
}

function anyVersion(count: number, mayTear: boolean, random: SeededRandom): BlockChoice {
  const version = random.int(-1, count - 1);
  if (version < 0) return before;
  return !mayTear || random.chance(0.5) ? { version } : tornChoice(version, sectorBytes, random);
}

function tornChoice(version: number, pieceBytes: number, random: SeededRandom): BlockChoice {
  const isOld = Array.from({ length: blockBytes / pieceBytes }, () => random.chance(0.5));
  return { version, torn: { older: random.int(-1, version - 1), pieceBytes, isOld } };
}

function chooseSize(inode: Inode, variant: Variant, random: SeededRandom, needed: number): number {
  const sizes = [inode.durableSize, ...inode.sizes.map(({ size }) => size)];
  if (variant === 'none') return inode.durableSize;
  if (variant === 'all' || variant === beyondDisks || variant === 'contents without names')
    return inode.cacheSize;
  // The length came, the contents did not.
  if (variant === 'names without contents') return inode.cacheSize;
  const grown = Math.max(inode.durableSize, needed);
  // What was cut is not brought back by a block that came late.
  if (inode.sizes.some(({ size }) => size < inode.durableSize)) return random.pick(sizes);
  if (variant.startsWith('any subset') && random.chance(0.5)) return Math.max(needed, random.pick(sizes));
  return grown;
}

function placeBlock(
  inode: Inode,
  bytes: Buffer,
  at: number,
  versions: readonly BlockVersion[],
  { version, torn }: BlockChoice,
): void {
  const start = at * blockBytes;
  const newer = versions[version]?.bytes ?? inode.block(at);
  if (torn === undefined) {
    newer.copy(bytes, start);
    return;
  }
  // What is on disk stands in `bytes` already.
  const older = torn.older < 0 ? undefined : versions[torn.older]?.bytes;
  for (const [piece, isOld] of torn.isOld.entries()) {
    const from = piece * torn.pieceBytes;
    if (start + from < bytes.length)
      (isOld ? older : newer)?.copy(bytes, start + from, from, from + torn.pieceBytes);
  }
}
