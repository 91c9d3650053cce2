import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';
import { type Project, resolveProject } from '../../src/project/project-identity.ts';
import { initRepository, scratchDirectory, writeFile } from './git-fixture.ts';

/** A repository with a few files, in a directory that holds nothing else. */
export async function sampleProject(): Promise<{ base: string; root: string; project: Project }> {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'), 'https://github.com/acme/app');
  writeFile(join(root, 'src/auth/login.ts'));
  writeFile(join(root, 'src/main.ts'));
  writeFile(join(root, 'README.md'));
  return { base, root, project: await resolveProject(root) };
}

/** The error with which the promise is refused, which says what to do next. */
export async function refused(
  code: ErrorCode,
  promise: Promise<unknown>,
  note?: string,
): Promise<CollabError> {
  let seen: unknown;
  await assert.rejects(promise, (error) => {
    seen = error;
    assert.ok(error instanceof CollabError, String(error));
    assert.equal(error.code, code, `${note ?? ''} ${error.message}`);
    assert.ok(error.next, 'says the next step');
    return true;
  });
  return seen as CollabError;
}
