import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveProject } from '../../src/project/project-identity.ts';
import { locatePath, normalisePath } from '../../src/project/repo-path.ts';
import { commitFile, git, initRepository, scratchDirectory, writeFile } from './git-fixture.ts';
import { refused, sampleProject } from './sample-project.ts';

test('a file in a sibling worktree, a clone or a worktree nested inside has the path it has here', async () => {
  const { base, root, project } = await sampleProject();
  commitFile(root);
  git(root, 'worktree', 'add', '-q', '../tree');
  git(root, 'worktree', 'add', '-q', '.worktrees/feature');
  git(base, 'clone', '-q', root, 'clone');
  symlinkSync('../tree/src', join(root, 'to-tree'));
  const nested = join(root, '.worktrees/feature');
  for (const input of [
    join(base, 'tree/src/main.ts'),
    '../tree/src/main.ts',
    '../clone/src/main.ts',
    join(nested, 'src/main.ts'),
    '.worktrees/feature/src/main.ts',
    'to-tree/main.ts',
  ]) {
    assert.equal(await normalisePath(project, root, input), 'src/main.ts', input);
  }
  assert.equal(await normalisePath(project, root, '../tree/new/**'), 'new/**');
  assert.equal(await normalisePath(project, root, '.worktrees/feature/new.ts'), 'new.ts');
  assert.equal(await normalisePath(project, root, join(base, 'tree')), '.');
  const inTree = await resolveProject(nested);
  assert.equal(await normalisePath(inTree, nested, '../../src/main.ts'), 'src/main.ts');
  assert.equal((await locatePath(root, '../tree/src/main.ts')).project.root, join(base, 'tree'));
});

test('a file of a nested repository is not this project’s, its directory is an entry here', async () => {
  const { root, project } = await sampleProject();
  const inner = initRepository(join(root, 'vendor/lib'), 'https://github.com/acme/lib');
  writeFile(join(inner, 'a.ts'));
  const error = await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, root, 'vendor/lib/a.ts'));
  assert.equal(error.details?.otherProject, 'github.com/acme/lib');
  assert.match(error.next ?? '', /vendor\/lib/);
  await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, root, 'vendor/lib/new/x.ts'));
  await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, root, 'vendor/lib/**'));
  assert.equal(await normalisePath(project, root, 'vendor/lib'), 'vendor/lib');
  assert.equal(await normalisePath(project, root, 'vendor/**'), 'vendor/**');
  const found = await locatePath(root, 'vendor/lib/a.ts');
  assert.deepEqual(
    [found.project.id, found.project.root, found.path],
    ['github.com/acme/lib', inner, 'a.ts'],
  );
  const up = await locatePath(inner, '../../src/main.ts');
  assert.deepEqual([up.project.id, up.path], ['github.com/acme/app', 'src/main.ts']);
  assert.equal((await locatePath(inner, '.')).path, '.');
  await refused('PATH_OUTSIDE_PROJECT', locatePath(root, '/etc/passwd'));
});

test('an empty .git directory on the way hides nothing', async () => {
  const { root, project } = await sampleProject();
  mkdirSync(join(root, 'src/.git'));
  assert.equal(await normalisePath(project, root, 'src/main.ts'), 'src/main.ts');
  const notes = join(scratchDirectory(), 'notes');
  mkdirSync(join(notes, 'sub/.git'), { recursive: true });
  assert.equal(await normalisePath(await resolveProject(notes), notes, 'sub/x.md'), 'sub/x.md');
});

test('a tree whose .git file points nowhere is not part of the one around it', async () => {
  const { root, project } = await sampleProject();
  writeFile(join(root, 'lost/.git'), 'gitdir: /nowhere\n');
  await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, root, 'lost/x.ts'));
  assert.equal((await locatePath(root, 'lost/x.ts')).project.root, join(root, 'lost'));
});

test('a directory without git is a project whose paths count from it', async () => {
  const base = scratchDirectory();
  writeFile(join(base, 'notes/a/b.md'));
  const project = await resolveProject(join(base, 'notes'));
  assert.equal(await normalisePath(project, join(base, 'notes/a'), 'b.md'), 'a/b.md');
  await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, join(base, 'notes'), '../x'));
});
