import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** Where the parts of a git repository lie, all as real paths. */
export interface Repository {
  /** Top of the working tree, or the git directory itself when it is bare. */
  readonly top: string;
  /** Of this working tree: `.git`, or `.git/worktrees/<name>` for a linked one. Its HEAD is this tree's. */
  readonly gitDirectory: string;
  /** Shared by all working trees: configuration, objects and refs. */
  readonly commonDirectory: string;
}

/** `broken`: a `.git` file that points nowhere, such as a worktree whose main repository was moved. */
export type FoundRepository =
  | { readonly kind: 'repository'; readonly repository: Repository }
  | { readonly kind: 'broken'; readonly top: string }
  | { readonly kind: 'none' };

/** A `.git` or `commondir` file is one path. */
const maxPointerBytes = 16 * 1024;

/**
 * The repository that the directory at the real path `directory` lies in. Looks at files only and runs nothing, so
 * it works without git and where `safe.directory` makes git refuse. A working tree wins over a bare repository
 * inside it: such a directory is a fixture that the outer repository tracks.
 */
export async function findRepository(directory: string): Promise<FoundRepository> {
  let bare: Repository | undefined;
  for (let at = directory; ; at = dirname(at)) {
    const found = await workingTreeAt(at);
    if (found.kind !== 'none') return found;
    if (!bare && (await isGitDirectory(at))) bare = await repositoryOf(at, at);
    if (dirname(at) === at) break;
  }
  return bare ? { kind: 'repository', repository: bare } : { kind: 'none' };
}

/** The repository that git would open for the clone source `path`: exactly there, never one further up. */
export async function repositoryAt(path: string): Promise<Repository | undefined> {
  for (const candidate of [path, `${path}.git`]) {
    const real = await realpath(candidate).catch(() => undefined);
    if (real === undefined) continue;
    const found = await workingTreeAt(real);
    if (found.kind === 'repository') return found.repository;
    if (!(await isGitDirectory(real))) continue;
    // `…/app/.git` names the working tree around it.
    return repositoryOf(basename(real) === '.git' ? dirname(real) : real, real);
  }
  return undefined;
}

/** The main working tree's top as far as it shows from the common directory: the same seen from each worktree. */
export function mainTop(repository: Repository): string {
  const common = repository.commonDirectory;
  return basename(common) === '.git' ? dirname(common) : common;
}

async function workingTreeAt(top: string): Promise<FoundRepository> {
  const dotGit = join(top, '.git');
  const entry = await stat(dotGit).catch(() => undefined);
  if (entry?.isDirectory()) {
    // As git does, an empty or half-made .git directory is passed over and the search goes on above.
    if (!(await isGitDirectory(dotGit))) return { kind: 'none' };
    return { kind: 'repository', repository: await repositoryOf(top, await realpath(dotGit)) };
  }
  if (!entry) return { kind: 'none' };
  const target = /^gitdir: *(.+)$/s.exec((await readPointer(dotGit)) ?? '')?.[1];
  const gitDirectory = target && (await realpath(resolve(top, target)).catch(() => undefined));
  if (!gitDirectory || !(await isGitDirectory(gitDirectory))) return { kind: 'broken', top };
  return { kind: 'repository', repository: await repositoryOf(top, gitDirectory) };
}

async function repositoryOf(top: string, gitDirectory: string): Promise<Repository> {
  const pointer = await readPointer(join(gitDirectory, 'commondir'));
  const common = pointer === undefined ? gitDirectory : resolve(gitDirectory, pointer);
  return { top, gitDirectory, commonDirectory: await realpath(common).catch(() => gitDirectory) };
}

/** As git's is_git_directory: a HEAD, and objects and refs here or in the common directory. */
async function isGitDirectory(path: string): Promise<boolean> {
  // HEAD may be a symbolic link to a branch that is not born yet.
  if (!(await lstat(join(path, 'HEAD')).catch(() => undefined))) return false;
  const pointer = await readPointer(join(path, 'commondir'));
  const common = pointer === undefined ? path : resolve(path, pointer);
  const [objects, refs] = await Promise.all(
    ['objects', 'refs'].map((name) => stat(join(common, name)).catch(() => undefined)),
  );
  return objects?.isDirectory() === true && refs !== undefined;
}

async function readPointer(path: string): Promise<string | undefined> {
  const entry = await stat(path).catch(() => undefined);
  if (!entry?.isFile() || entry.size > maxPointerBytes) return undefined;
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined || text.includes('\0') ? undefined : text.replace(/[\r\n]+$/, '');
}
