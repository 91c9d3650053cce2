/** From what a client names to what is locked: a project and a normalised path in it. */
import { isAbsolute, join, parse, resolve, sep } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { ProjectId, RepoPath } from '../base/ids.ts';
import { parseTargetText, type RawTarget, rawTarget } from '../control/target-text.ts';
import { statIfKnown } from '../project/file-look.ts';
import { followPath } from '../project/physical-path.ts';
import type { ProjectCache } from '../project/project-cache.ts';
import { locatePath } from '../project/repo-path.ts';

export type TargetInput = string | Parameters<typeof rawTarget>[0];

export interface ScopedPath {
  readonly project: ProjectId;
  readonly path: RepoPath;
}

export interface PlacedPath extends ScopedPath {
  /** Top of the working tree, as a real path. */
  readonly root: string;
}

export class TargetResolver {
  readonly #projects: ProjectCache;

  constructor(projects: ProjectCache) {
    this.#projects = projects;
  }

  /** The raw form of a target that lock/ parses. @throws INVALID_ARGUMENT, INVALID_PATH, PATH_OUTSIDE_PROJECT, PROJECT_NOT_FOUND. */
  async target(cwd: string, input: TargetInput): Promise<ScopedPath & Pick<RawTarget, 'scope'>> {
    assertAbsolute(cwd);
    const raw = typeof input === 'string' ? await readTargetText(cwd, input) : rawTarget(input);
    const { project, path } = await locatePath(cwd, raw.path, this.#projects.resolve);
    const target = { project: project.id, scope: raw.scope };
    if (!(await isDirectory(join(project.root, path)))) return { ...target, path };
    if (raw.scope.kind === 'file') return { ...target, path: subtree(path) };
    throw new CollabError('INVALID_ARGUMENT', `${path} is a directory: it has no lines or symbols`, {
      next: `Name a file, or lock the whole subtree: ${subtree(path)}.`,
      details: { field: 'targets' },
    });
  }

  async path(cwd: string, path: string): Promise<ScopedPath> {
    assertAbsolute(cwd);
    const located = await locatePath(cwd, path, this.#projects.resolve);
    return { project: located.project.id, path: located.path };
  }

  /** As `path`, and where it is on this machine. */
  async place(cwd: string, path: string): Promise<PlacedPath> {
    assertAbsolute(cwd);
    const { project, path: below } = await locatePath(cwd, path, this.#projects.resolve);
    return { project: project.id, path: below, root: project.root };
  }

  async project(cwd: string): Promise<ProjectId> {
    assertAbsolute(cwd);
    return (await this.#projects.resolve(cwd)).id;
  }
}

/** A file whose own name looks like a target with lines or a symbol is that file. */
async function readTargetText(cwd: string, text: string): Promise<RawTarget> {
  if (/[#:]/.test(text) && (await exists(resolve(cwd, text)))) return { path: text, scope: { kind: 'file' } };
  const raw = parseTargetText(text);
  const colon = text.lastIndexOf(':');
  if (raw.path !== text || colon <= 0 || !(await exists(resolve(cwd, text.slice(0, colon))))) return raw;
  throw new CollabError('INVALID_ARGUMENT', `"${text.slice(colon + 1, colon + 41)}" is not a line range`, {
    next: 'Write path:10-20, path:10 or path:10- with whole numbers from 1.',
    details: { field: 'targets' },
  });
}

async function exists(path: string): Promise<boolean> {
  const { root } = parse(path);
  return followPath(root, path.slice(root.length).split(sep)).then(
    ({ missing }) => missing.length === 0,
    () => false,
  );
}

/** Whoever locks a directory means what is in it. */
function subtree(directory: RepoPath): RepoPath {
  return (directory === '.' ? '**' : `${directory}/**`) as RepoPath;
}

/** False of what is not there, or a glob: then it is the name of a file to be. */
async function isDirectory(path: string): Promise<boolean> {
  return (await statIfKnown(path))?.isDirectory() === true;
}

function assertAbsolute(cwd: string): void {
  if (isAbsolute(cwd) && !cwd.includes('\0')) return;
  throw new CollabError('INVALID_ARGUMENT', 'cwd must be an absolute path', { details: { field: 'cwd' } });
}
