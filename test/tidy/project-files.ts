import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ProjectFile } from './source-file.ts';

export const projectRoot: URL = new URL('../../', import.meta.url);

/** The fixtures are data of an older program, as it wrote them. */
const notOurs = /^(LICENSE$|test\/[^/]+\/fixtures\/)|\.(gif|ico|woff2|gz|tgz|mdb)$/;
/** Documents lead to them; there is nothing to read in them. */
const pictures = /\.png$/;
let cached: readonly ProjectFile[] | undefined;

/** Every text file, and the path of every picture, that is committed or about to be: tracked, or untracked and not ignored. */
export function projectFiles(): readonly ProjectFile[] {
  if (cached !== undefined) return cached;
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  const paths = listed.split('\0').filter((path) => path !== '' && !notOurs.test(path));
  cached = paths.flatMap((path) => {
    const text = readIfThere(new URL(path, projectRoot));
    return text === undefined ? [] : [new ProjectFile(path, pictures.test(path) ? '' : text)];
  });
  return cached;
}

/** A tracked file that was deleted and not yet committed is listed, but not there. */
function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
