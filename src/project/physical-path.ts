import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, sep } from 'node:path';
import { lstatIfPresent, readLink } from './file-look.ts';
import { mounts } from './mount-table.ts';

/** A path as far as it exists, without symbolic links, and the segments below that do not exist yet. */
export interface PhysicalPath {
  readonly existing: string;
  readonly missing: readonly string[];
}

/** Links that one path may go through. Linux has the same number. */
const maxLinks = 40;

/**
 * Follows `segments` from the absolute path `base` as the system would on opening a file for writing.
 *
 * - `..` leaves the directory that a link leads to, not the one that holds the link: `link/../x` lies beside the
 *   target of `link`. After a segment that does not exist, or is a file, `..` takes that segment back.
 * - A dangling link counts as its target, since writing through it makes the target.
 *
 * @throws NodeJS.ErrnoException with ELOOP, ENOTDIR (a file stands where a directory is needed), EACCES, ….
 */
export async function followPath(base: string, segments: readonly string[]): Promise<PhysicalPath> {
  if (!segments.includes('..') && !mounts.isLocal(base)) {
    // One system call, in another thread, for what is by far the most common case: a file that exists.
    const real = await realpath(join(base, ...segments)).catch(() => undefined);
    if (real !== undefined) return { existing: real, missing: [] };
  }
  const walked = await walk(base, segments);
  // Only a system that folds case can spell an existing path differently from how it was asked for.
  if (process.platform === 'linux') return walked;
  const existing = await realpath(walked.existing).catch(() => walked.existing);
  return { ...walked, existing };
}

async function walk(base: string, segments: readonly string[]): Promise<PhysicalPath> {
  let at = parse(base).root;
  let links = 0;
  const missing: string[] = [];
  /** What is still to follow, the next segment last. */
  const pending = [...splitPath(base.slice(at.length)), ...segments].reverse();
  for (let segment = pending.pop(); segment !== undefined; segment = pending.pop()) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (missing.pop() === undefined) at = dirname(at);
      continue;
    }
    if (missing.length > 0) {
      missing.push(segment);
      continue;
    }
    const next = join(at, segment);
    const entry = await lstatIfPresent(next);
    if (!entry) {
      missing.push(segment);
    } else if (!entry.isSymbolicLink()) {
      at = next;
    } else {
      if (++links > maxLinks) throw Object.assign(new Error(`ELOOP: ${next}`), { code: 'ELOOP' });
      const target = await readLink(next);
      if (isAbsolute(target)) at = parse(target).root;
      pending.push(...splitPath(target).reverse());
    }
  }
  return { existing: at, missing };
}

function splitPath(path: string): string[] {
  return path.slice(parse(path).root.length).split(sep);
}
