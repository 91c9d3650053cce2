import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { ProjectId } from '../base/ids.ts';
import { maxProjectBytes } from '../base/limits.ts';
import { statIfKnown } from './file-look.ts';
import { runGit } from './git-command.ts';
import { readGitConfigValue } from './git-config-text.ts';
import { findRepository, mainTop, type Repository, repositoryAt } from './git-repository.ts';
import { parseOriginUrl } from './origin-url.ts';

export interface Project {
  readonly id: ProjectId;
  /** Real path of the top of this working tree; the directory itself outside git. Repo paths are relative to it. */
  readonly root: string;
  /** What the id was taken from. Through a local origin, what that repository's id was taken from. */
  readonly via: 'origin' | 'root-commit' | 'path';
  /** Git directory of this working tree, absent outside git. */
  readonly gitDirectory?: string;
}

/** A directory's working tree, before anything is known about which project it is. */
export interface ProjectPlace {
  readonly root: string;
  readonly repository: Repository | undefined;
}

/** Files that an answer was read from, each with what it looked like just before: the answer holds while they do. */
export type Evidence = Map<string, string>;

type Identity = Pick<Project, 'id' | 'via'>;

/** Clones of clones that are followed: people have one or two; the bound is against a chain made on purpose. */
const maxOriginHops = 5;
/** A key lookup takes milliseconds. Past this the file is read by hand. */
const configTimeoutMs = 5_000;
/** Walking a million commits without a commit graph takes some 10 s; only repositories without an origin pay it. */
const historyTimeoutMs = 30_000;
/** A larger .git/config is not one that people or tools write. */
const maxConfigBytes = 1024 * 1024;

/**
 * Which project `directory` belongs to, the same for every worktree and clone of a repository and on every machine:
 * its normalised origin URL (through local clones to where they came from), else its root commit
 * (`commit:<sha>`), else `path:<real path>`. A URL is taken as it stands in the configuration: `url.*.insteadOf`
 * and SSH host aliases differ between machines and are not applied.
 *
 * @throws PROJECT_NOT_FOUND when there is no such directory, PROJECT_UNREADABLE when it cannot be looked at or git
 *   hangs: another id for once would put its agents into a project of their own, where no lock holds.
 */
export async function resolveProject(directory: string): Promise<Project> {
  return identifyProject(await locateProject(directory), new Map());
}

export async function locateProject(directory: string): Promise<ProjectPlace> {
  const real = await realDirectory(directory);
  const found = await findRepository(real);
  switch (found.kind) {
    case 'repository':
      return { root: found.repository.top, repository: found.repository };
    case 'broken':
      return { root: found.top, repository: undefined };
    case 'none':
      return { root: real, repository: undefined };
  }
}

/** Adds to `evidence` every file whose change may change the answer. */
export async function identifyProject(place: ProjectPlace, evidence: Evidence): Promise<Project> {
  const { root, repository } = place;
  await note(evidence, join(root, '.git'));
  if (!repository) return { id: boundedId('path', root), root, via: 'path' };
  const identity = await identify(repository, [], evidence);
  return { ...identity, root, gitDirectory: repository.gitDirectory };
}

/** What a file looks like now. A rewrite within one tick of the clock still shows, as git renames a new file over it. */
export async function stampOf(path: string): Promise<string> {
  const entry = await statIfKnown(path);
  // Git makes and removes lock files in .git all day long, which says nothing about what is configured there.
  if (entry?.isDirectory() && basename(path) === '.git') return `directory:${entry.ino}`;
  return entry ? `${entry.mtimeNs}:${entry.size}:${entry.ino}` : 'absent';
}

/** `trail`: the repositories that led here through local origins, the first one first. */
async function identify(
  repository: Repository,
  trail: readonly Repository[],
  evidence: Evidence,
): Promise<Identity> {
  // Noted before they are read: a change in between shows as a change after.
  await note(evidence, join(repository.gitDirectory, 'HEAD'));
  await note(evidence, join(repository.commonDirectory, 'config'));
  const url = await readOriginUrl(repository);
  const origin = url === undefined ? undefined : parseOriginUrl(url);
  if (origin?.kind === 'remote') return { id: boundedId('origin', origin.identity), via: 'origin' };
  if (origin?.kind === 'local' && trail.length < maxOriginHops) {
    const source = await repositoryAt(resolve(repository.top, origin.path));
    const path = [...trail, repository];
    const seenAt = source ? path.findIndex((it) => it.commonDirectory === source.commonDirectory) : -1;
    if (source && seenAt === -1) return identify(source, path, evidence);
    // A cycle has no source. Its first member by path stands for all, so that each gives the same answer.
    if (source) return ownIdentity(firstByPath(path.slice(seenAt), repository), evidence);
  }
  return ownIdentity(repository, evidence);
}

function firstByPath(members: readonly Repository[], fallback: Repository): Repository {
  return members.reduce((a, b) => (b.commonDirectory < a.commonDirectory ? b : a), members[0] ?? fallback);
}

async function ownIdentity(repository: Repository, evidence: Evidence): Promise<Identity> {
  const common = repository.commonDirectory;
  // The first commit leaves HEAD and config alone and shows in these only; fetching the rest of a shallow clone too.
  for (const name of ['HEAD', 'shallow', 'refs/heads', 'packed-refs'])
    await note(evidence, join(common, name));
  const root = (await isShallow(common)) ? undefined : await rootCommit(common);
  if (root !== undefined) return { id: `commit:${root}` as ProjectId, via: 'root-commit' };
  return { id: boundedId('path', mainTop(repository)), via: 'path' };
}

/** The history of a shallow clone begins where it was cut: what looks like a root commit there is none. */
async function isShallow(commonDirectory: string): Promise<boolean> {
  const entry = await stat(join(commonDirectory, 'shallow')).catch(() => undefined);
  return entry !== undefined && entry.size > 0;
}

/**
 * The smallest root commit of the main working tree's HEAD, also when asked from a linked worktree: that one may
 * stand on an orphan branch (`gh-pages`) with another root. Of all branches while that HEAD is not born.
 */
async function rootCommit(commonDirectory: string): Promise<string | undefined> {
  for (const start of ['HEAD', '--branches']) {
    const answer = await runGit(
      commonDirectory,
      ['rev-list', '--max-parents=0', start, '--'],
      historyTimeoutMs,
    );
    if (answer.kind === 'missing') return undefined;
    if (answer.kind === 'stuck') {
      throw new CollabError('PROJECT_UNREADABLE', `git did not list the root commits of ${commonDirectory}`, {
        next: `Set an origin (git remote add origin <url>), or try "git -C ${commonDirectory} rev-list --max-parents=0 HEAD" by hand.`,
        details: { gitDirectory: commonDirectory, timeoutMs: historyTimeoutMs },
        cause: answer.cause,
      });
    }
    if (answer.kind !== 'output') continue;
    const roots = answer.text.split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line));
    if (roots.length > 0) return roots.sort()[0];
  }
  return undefined;
}

/** The first URL of `origin`. Read by git, which follows includes; by hand when git is missing, refuses or hangs. */
async function readOriginUrl(repository: Repository): Promise<string | undefined> {
  const args = ['config', '-z', '--get-all', 'remote.origin.url'];
  const answer = await runGit(repository.commonDirectory, args, configTimeoutMs);
  if (answer.kind === 'output') return answer.text.split('\0')[0];
  const path = join(repository.commonDirectory, 'config');
  const entry = await stat(path).catch(() => undefined);
  if (!entry?.isFile() || entry.size > maxConfigBytes) return undefined;
  const text = await readFile(path, 'utf8').catch(() => '');
  return readGitConfigValue(text, 'remote', 'origin', 'url');
}

async function realDirectory(directory: string): Promise<string> {
  try {
    const real = await realpath(directory);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EIO') {
      throw new CollabError('PROJECT_UNREADABLE', `"${directory}" cannot be looked at (${code})`, {
        next: 'Give the user that runs the daemon access to the directory.',
        details: { directory },
        cause: error,
      });
    }
    throw new CollabError('PROJECT_NOT_FOUND', `there is no directory "${directory.slice(0, 200)}"`, {
      next: 'Name an existing directory inside the project.',
      details: { directory: directory.slice(0, 200) },
      cause: error,
    });
  }
  throw new CollabError('PROJECT_NOT_FOUND', `"${directory}" is not a directory`, {
    next: 'Name the directory that the file lies in.',
    details: { directory },
  });
}

async function note(evidence: Evidence, path: string): Promise<void> {
  if (!evidence.has(path)) evidence.set(path, await stampOf(path));
}

/** An id that is too long for an index key, or holds control characters, is replaced by its hash. */
function boundedId(kind: 'origin' | 'path', name: string): ProjectId {
  const id = kind === 'origin' ? name : `path:${name.normalize('NFC')}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (Buffer.byteLength(id) <= maxProjectBytes && !/[\u0000-\u001f\u007f]/.test(id)) return id as ProjectId;
  return `${kind}:sha256:${createHash('sha256').update(id).digest('hex')}` as ProjectId;
}
