/** Which project the contexts of the older program belong to: it knew one name, we know repositories. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { ProjectId } from '../base/ids.ts';
import { maxProjectBytes } from '../base/limits.ts';
import { type Project, resolveProject } from '../project/project-identity.ts';
import type { ImportProject } from './migration-state.ts';

/** For a directory whose settings name no project. */
const unnamed = 'unnamed';

/**
 * The project of `directory` when the user names one. Else the repository at `cwd` when it is called like the older program's
 * project, by its origin or its directory. Else a project of its own, `name:<project_name>`, which no directory has: its contexts
 * are shown by `context list --all`.
 *
 * @throws PROJECT_NOT_FOUND, PROJECT_UNREADABLE for `directory`.
 */
export async function chooseProject(
  projectName: string | undefined,
  { directory, cwd }: { readonly directory: string | undefined; readonly cwd: string },
): Promise<ImportProject> {
  const name = projectName ?? null;
  if (directory !== undefined) {
    const { id, root } = await resolveProject(directory);
    return { id, name, via: 'directory', root };
  }
  // A working directory that is gone or unreadable is no reason to import nothing.
  const here = await resolveProject(cwd).catch(() => undefined);
  if (here?.gitDirectory !== undefined && projectName !== undefined && isCalled(here, projectName)) {
    return { id: here.id, name, via: 'current-directory', root: here.root };
  }
  return { id: namedProject(projectName ?? unnamed), name, via: 'name', root: null };
}

function isCalled({ id, root, via }: Project, name: string): boolean {
  const names = [basename(root), ...(via === 'origin' ? [basename(id)] : [])];
  return names.some((it) => it.toLowerCase() === name.toLowerCase());
}

function namedProject(name: string): ProjectId {
  const id = `name:${name.normalize('NFC')}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (Buffer.byteLength(id) <= maxProjectBytes && !/[\u0000-\u001f\u007f]/.test(id)) return id as ProjectId;
  return `name:sha256:${createHash('sha256').update(id).digest('hex')}` as ProjectId;
}
