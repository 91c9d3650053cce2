import type { CommandContext } from './command-context.ts';

/** Which events of the stream concern the project, or one path in it. Undefined: all do. */
export interface ProjectFilter {
  readonly project: string;
  /** Relative to the project; `.` is all of it. */
  readonly path: string | undefined;
}

/**
 * The same as the daemon makes of `cwd` and `path` in a query, by the same code: an event carries normalised paths. Only
 * following needs it, so it is loaded only then.
 */
export async function projectFilter(
  context: CommandContext,
  args: { readonly all: boolean; readonly path: string | undefined },
): Promise<ProjectFilter | undefined> {
  if (args.path !== undefined) {
    const { locatePath } = await import('../project/repo-path.ts');
    const { project, path } = await locatePath(context.cwd, args.path);
    return { project: project.id, path };
  }
  if (args.all) return undefined;
  const { resolveProject } = await import('../project/project-identity.ts');
  return { project: (await resolveProject(context.cwd)).id, path: undefined };
}

/** What `log --path` means: the path and everything below it. */
export function isAtOrBelow(path: unknown, filter: string | undefined): boolean {
  if (filter === undefined || filter === '.') return true;
  return typeof path === 'string' && (path === filter || path.startsWith(`${filter}/`));
}

/** The path of a target as people write it: `src/a.ts:10-20` and `src/a.ts#function:login` are about `src/a.ts`. */
export function targetPath(target: string): string {
  return target.replace(/#.*$|:\d+(-(-?\d+)?)?$/s, '');
}
