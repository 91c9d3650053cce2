/** Whether a piece of news concerns an agent, by its path. */
import { compileGlob, type Glob, isGlob } from '../lock/glob.ts';

export interface ConcernParts {
  /** Files that it has touched or leased: itself alone each, or a glob. */
  readonly own: readonly string[];
  /** What it asked to hear about: a glob, a file, or a directory with all below it. */
  readonly asked: readonly string[];
}

/** @param path of the news; `.` when it is about the whole project, or about no path. */
export type Concerns = (path: string, isContext: boolean) => boolean;

/** Context about a directory concerns what is in it; context about the whole project concerns everybody. */
export function concernTest({ own, asked }: ConcernParts): Concerns {
  const globs = own.filter(isGlob).flatMap((pattern) => compileGlob(pattern) ?? []);
  const plain = new Set(own.filter((pattern) => !isGlob(pattern)));
  const interests = asked.flatMap((pattern) => compileInterest(pattern) ?? []);
  const knowsWhatItWants = plain.size + globs.length + interests.length > 0;
  return (path, isContext) => {
    // Who has touched nothing yet hears of everything new: it is about to choose where to work.
    if (isContext && (!knowsWhatItWants || path === '.')) return true;
    if (plain.has(path) || globs.some((glob) => glob.matches(path))) return true;
    if (isContext && [...plain].some((mine) => mine.startsWith(`${path}/`))) return true;
    const about = isContext && isGlob(path) ? compileGlob(path) : undefined;
    return interests.some(
      (interest) =>
        (about === undefined ? interest.matches(path) : interest.meets(about)) ||
        (isContext && interest.liesBelow(path)),
    );
  };
}

interface CompiledInterest {
  matches(path: string): boolean;
  /** Whether some path is meant by both. */
  meets(glob: Glob): boolean;
  /** Whether all that it matches lies in the directory. */
  liesBelow(directory: string): boolean;
}

/** Undefined for a glob over the limits, which matches nothing. */
function compileInterest(pattern: string): CompiledInterest | undefined {
  if (isGlob(pattern)) {
    const glob = compileGlob(pattern);
    if (glob === undefined) return undefined;
    const anchor = `${glob.anchor.join('/')}/`;
    return {
      matches: (path) => glob.matches(path),
      meets: (other) => glob.intersects(other),
      liesBelow: (directory) => anchor.startsWith(`${directory}/`),
    };
  }
  // Nobody needs to look whether it is a directory: below a file there is nothing.
  const below = compileGlob(`${pattern}/**`);
  return {
    matches: (path) => path === pattern || path.startsWith(`${pattern}/`),
    meets: (other) => other.matches(pattern) || (below !== undefined && other.intersects(below)),
    liesBelow: (directory) => pattern.startsWith(`${directory}/`),
  };
}
