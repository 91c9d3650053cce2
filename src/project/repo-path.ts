import assert from 'node:assert/strict';
import { lstat } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, relative, sep } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { RepoPath } from '../base/ids.ts';
import { maxPathBytes } from '../base/limits.ts';
import { lstatIfPresent } from './file-look.ts';
import { followPath, type PhysicalPath } from './physical-path.ts';
import { type Project, resolveProject } from './project-identity.ts';

/** `ProjectCache.resolve` in the daemon. */
export type ProjectResolver = (directory: string) => Promise<Project>;

export interface LocatedPath {
  /** With the root of the working tree that the path really lies in, which may be a sibling of the one asked from. */
  readonly project: Project;
  readonly path: RepoPath;
}

/** Longest file name (NAME_MAX) of the file systems in use, in bytes. */
const maxSegmentBytes = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;
/** What makes a segment a pattern. `[` and `]` are literal: `pages/[id].tsx` is a file. */
const wildcard = /[*?{]/;

/**
 * The one spelling under which `input` is locked in `project`. `input` is a file, a directory or a glob, absolute or
 * relative to the absolute path `cwd`; it need not exist. The root is `.`.
 *
 * - Links are followed as by the system, see `followPath`, also for `..`. A backslash separates segments.
 * - Of a glob the part before the first segment with `*`, `?` or `{` is followed; the rest stays as written.
 * - A path in another worktree or clone of the same project, nested ones included, counts from that one's root.
 * - The spelling on disk wins where the system reports it (macOS, Windows). Linux is taken as case-sensitive.
 * - Text is Unicode NFC.
 *
 * @throws INVALID_PATH, PATH_OUTSIDE_PROJECT (also for a file of a repository nested in this one: that is its own
 *   project).
 */
export async function normalisePath(
  project: Project,
  cwd: string,
  input: string,
  resolve: ProjectResolver = resolveProject,
): Promise<RepoPath> {
  const located = await locate(project, cwd, input, resolve);
  if (located.project.id === project.id) return located.path;
  throw outside(input, project, `belongs to another repository, ${located.project.root}`, {
    next: `Name it from inside ${located.project.root}.`,
    details: { otherProject: located.project.id, otherRoot: located.project.root },
  });
}

/**
 * The project that `input` really lies in and its path there, for a caller that knows no more than where it stands:
 * a write from one repository into a submodule or a neighbouring repository is checked where it lands.
 *
 * @throws INVALID_PATH, PATH_OUTSIDE_PROJECT when the path lies in no repository nor below `cwd`'s project.
 */
export async function locatePath(
  cwd: string,
  input: string,
  resolve: ProjectResolver = resolveProject,
): Promise<LocatedPath> {
  return locate(await resolve(cwd), cwd, input, resolve);
}

async function locate(
  project: Project,
  cwd: string,
  input: string,
  resolve: ProjectResolver,
): Promise<LocatedPath> {
  assert(isAbsolute(cwd), 'cwd is an absolute path');
  const { base, fixed, pattern } = parseInput(cwd, input);
  const physical = await follow(base, fixed, pattern.length > 0, input);
  const owner = await owningProject(project, physical, pattern.length > 0, resolve);
  if (!owner) throw outside(input, project, `leads to ${join(physical.existing, ...physical.missing)}`);
  const below = relative(owner.root, join(physical.existing, ...physical.missing));
  const fixedBelow = below === '' ? [] : below.split(sep);
  return { project: owner, path: checkedResult([...fixedBelow, ...pattern], fixedBelow, input) };
}

/** Splits into what is looked up on disk and the pattern after it. */
function parseInput(
  cwd: string,
  input: string,
): { base: string; fixed: readonly string[]; pattern: readonly string[] } {
  if (input === '') throw invalid(input, 'is empty', 'Name a file, or "." for the whole project.');
  if (controlCharacter.test(input)) {
    throw invalid(
      input,
      'holds a control character',
      'Write the path as it is on disk, without NUL or line breaks.',
    );
  }
  if (/\p{Surrogate}/u.test(input))
    throw invalid(input, 'is not well-formed Unicode', 'Write the path in UTF-8.');
  if (Buffer.byteLength(input) > maxPathBytes) {
    throw invalid(input, `is over ${maxPathBytes} bytes`, 'Name a shorter path, relative to the project.');
  }
  const text = input.replaceAll('\\', '/');
  const root = isAbsolute(text) ? parse(text).root : '';
  const segments = text
    .slice(root.length)
    .split('/')
    .filter((it) => it !== '' && it !== '.');
  if (segments.some((it) => Buffer.byteLength(it) > maxSegmentBytes)) {
    throw invalid(input, `has a name over ${maxSegmentBytes} bytes`, 'Check for a missing slash.');
  }
  const at = segments.findIndex((it) => wildcard.test(it));
  const fixed = at === -1 ? segments : segments.slice(0, at);
  const pattern = at === -1 ? [] : segments.slice(at);
  if (pattern.includes('..')) {
    throw invalid(input, 'has ".." after a wildcard', 'Write the glob without "..".');
  }
  return { base: root === '' ? cwd : root, fixed, pattern };
}

async function follow(
  base: string,
  fixed: readonly string[],
  isPattern: boolean,
  input: string,
): Promise<PhysicalPath> {
  try {
    const physical = await followPath(base, fixed);
    if (
      isPattern &&
      physical.missing.length === 0 &&
      (await lstatIfPresent(physical.existing))?.isDirectory() !== true
    ) {
      throw Object.assign(new Error(`ENOTDIR: ${physical.existing}`), { code: 'ENOTDIR' });
    }
    return physical;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const [what, next] = lookupFailures[code] ?? [
      `cannot be looked up (${code})`,
      'Check that the file system answers, then try again.',
    ];
    throw invalid(input, what, next, { errno: code }, error);
  }
}

const lookupFailures: Readonly<Record<string, readonly [what: string, next: string]>> = {
  ELOOP: ['goes through links that lead to each other (ELOOP)', 'Repair the symbolic links on the way.'],
  ENOTDIR: ['goes through a file as if it were a directory (ENOTDIR)', 'Check the spelling of the path.'],
  EACCES: [
    'goes through a directory that may not be read (EACCES)',
    'Give the user that runs the daemon access to it.',
  ],
  EPERM: [
    'goes through a directory that may not be read (EPERM)',
    'Give the user that runs the daemon access to it.',
  ],
  ENAMETOOLONG: ['is longer than the file system takes (ENAMETOOLONG)', 'Name a shorter path.'],
};

/**
 * The project whose innermost working tree holds the path: `project` itself, or whatever a `.git` on the way up
 * stands for. undefined when the path lies neither below `project` nor in any repository.
 */
async function owningProject(
  project: Project,
  physical: PhysicalPath,
  isPattern: boolean,
  resolve: ProjectResolver,
): Promise<Project | undefined> {
  const innermost = await innermostProject(project, physical.existing, resolve);
  if (!innermost || innermost.id === project.id) return innermost;
  // A submodule's own directory is also an entry of the repository around it, and can be locked there as one.
  const isItsTop = !isPattern && physical.missing.length === 0 && physical.existing === innermost.root;
  const above = dirname(innermost.root);
  if (!isItsTop || !isInside(project.root, above)) return innermost;
  const around = await innermostProject(project, above, resolve);
  return around?.id === project.id ? around : innermost;
}

async function innermostProject(
  project: Project,
  existing: string,
  resolve: ProjectResolver,
): Promise<Project | undefined> {
  for (const directory of await directoriesWithGit(existing, project.root)) {
    if (directory === project.root) return project;
    const candidate = await resolve(directory);
    const isOwn = candidate.root === directory && candidate.gitDirectory !== undefined;
    // A .git file that points nowhere still marks a tree of its own. An empty .git directory makes no repository: git
    // goes on above it, and so does this.
    if (isOwn || (await lstat(join(directory, '.git'))).isFile()) return candidate;
  }
  return undefined;
}

/** From `existing` upwards, up to `stop`: the directories that hold a `.git`, and `stop` itself. */
async function directoriesWithGit(existing: string, stop: string): Promise<string[]> {
  const upwards: string[] = [];
  for (let at = existing; ; at = dirname(at)) {
    upwards.push(at);
    if (at === stop || dirname(at) === at) break;
  }
  const found = await Promise.all(upwards.map(async (at) => at === stop || (await hasGit(at))));
  return upwards.filter((_, index) => found[index]);
}

async function hasGit(directory: string): Promise<boolean> {
  try {
    return (await lstatIfPresent(join(directory, '.git'))) !== undefined;
  } catch {
    return false;
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** `fixed`: those of the segments that came from disk, where a link may have led to an unusual name. */
function checkedResult(segments: readonly string[], fixed: readonly string[], input: string): RepoPath {
  if (fixed.some((it) => wildcard.test(it) || it.includes('\\') || controlCharacter.test(it))) {
    throw invalid(
      input,
      'leads to a name that no path can spell (*, ?, {, \\, control)',
      'Rename what it leads to.',
    );
  }
  // Any spelling: where case is folded .GIT is the same directory, and git itself tracks neither.
  if (segments.some((it) => it.toLowerCase() === '.git')) {
    throw invalid(input, 'lies in .git', 'Lock files of the working tree; git guards its own.');
  }
  const path = segments.join('/').normalize('NFC');
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw invalid(input, `leads to a path over ${maxPathBytes} bytes`, 'Name a shorter path.');
  }
  return (path === '' ? '.' : path) as RepoPath;
}

/** A path as it may stand in a message: short, and without what would garble a terminal. */
function shown(input: string): string {
  const short = input.length > 120 ? `${input.slice(0, 120)}…` : input;
  return JSON.stringify(short);
}

function invalid(
  input: string,
  what: string,
  next: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): CollabError {
  return new CollabError('INVALID_PATH', `path ${shown(input)} ${what}`, {
    next,
    details: { path: input.slice(0, 200), ...details },
    cause,
  });
}

function outside(
  input: string,
  project: Project,
  what: string,
  more: { readonly next?: string; readonly details?: Readonly<Record<string, unknown>> } = {},
): CollabError {
  return new CollabError('PATH_OUTSIDE_PROJECT', `path ${shown(input)} ${what}, outside ${project.root}`, {
    next: more.next ?? `Name a path inside ${project.root}.`,
    details: { path: input.slice(0, 200), root: project.root, ...more.details },
  });
}
