import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { maxProjectBytes } from '../../src/base/limits.ts';
import { resolveProject } from '../../src/project/project-identity.ts';
import { commitFile, git, initRepository, scratchDirectory, writeFile } from './git-fixture.ts';

const idOf = async (directory: string) => (await resolveProject(directory)).id;

test('the origin names the project, for its top and every directory below', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://u:tok@GitHub.com/Acme/App.git');
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  const project = await resolveProject(join(root, 'src/deep'));
  assert.deepEqual(project, {
    id: 'github.com/acme/app',
    root,
    via: 'origin',
    gitDirectory: join(root, '.git'),
  });
  assert.deepEqual(await resolveProject(root), project);
  assert.deepEqual(await resolveProject(join(root, '.git/hooks')), project);
});

test('original, clone, clone of a clone, bare mirror and worktrees of each are one project', async () => {
  const base = scratchDirectory();
  const original = initRepository(join(base, 'original'));
  const commit = commitFile(original);
  git(base, 'clone', '-q', original, 'clone');
  git(base, 'clone', '-q', `file://${base}/clone`, 'second');
  git(base, 'clone', '-q', '--bare', 'second', 'mirror.git');
  git(base, 'clone', '-q', 'mirror.git', 'third');
  git(base, 'clone', '-q', '--depth', '1', `file://${original}`, 'shallow');
  git(join(base, 'third'), 'remote', 'set-url', 'origin', '../mirror');
  git(original, 'worktree', 'add', '-q', '../tree-a');
  git(join(base, 'third'), 'worktree', 'add', '-q', '../tree-b');
  git(join(base, 'mirror.git'), 'worktree', 'add', '-q', '../tree-c', 'main');
  for (const name of ['original', 'clone', 'second', 'mirror.git', 'third', 'shallow', 'tree-a', 'tree-b']) {
    const project = await resolveProject(join(base, name));
    assert.equal(project.id, `commit:${commit}`, name);
    assert.equal(project.via, 'root-commit', name);
    assert.equal(project.root, join(base, name));
  }
  const tree = await resolveProject(join(base, 'tree-a'));
  assert.equal(tree.gitDirectory, join(original, '.git/worktrees/tree-a'));
  git(original, 'remote', 'add', 'origin', 'git@github.com:acme/app.git');
  for (const name of [
    'original',
    'clone',
    'second',
    'mirror.git',
    'third',
    'shallow',
    'tree-a',
    'tree-b',
    'tree-c',
  ]) {
    assert.equal(await idOf(join(base, name)), 'github.com/acme/app', name);
  }
});

test('a worktree on an orphan branch stays in the project of its repository', async () => {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'));
  const commit = commitFile(root);
  git(root, 'worktree', 'add', '-q', '--detach', '../pages');
  const pages = join(base, 'pages');
  git(pages, 'checkout', '-q', '--orphan', 'gh-pages');
  assert.notEqual(commitFile(pages, 'index.html', 'pages'), commit);
  assert.equal(await idOf(pages), `commit:${commit}`);
});

test('of several root commits the smallest names the project, wherever git lists it', async () => {
  const base = scratchDirectory();
  let listedLater = 0;
  for (let i = 0; listedLater === 0; i++) {
    const root = initRepository(join(base, String(i)));
    commitFile(root, 'a', `one ${i}`);
    git(root, 'checkout', '-q', '--orphan', 'other');
    commitFile(root, 'b', `two ${i}`);
    git(root, 'merge', '-q', '--allow-unrelated-histories', '-m', 'merge', 'main');
    const listed = git(root, 'rev-list', '--max-parents=0', 'HEAD').split('\n');
    const smallest = [...listed].sort()[0];
    assert.equal(listed.length, 2);
    assert.equal(await idOf(root), `commit:${smallest}`);
    if (listed[0] !== smallest) listedLater++;
  }
});

test('a repository without commits is its path, for its worktrees too, and gets a better name later', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'));
  assert.deepEqual(await resolveProject(root), {
    id: `path:${root}`,
    root,
    via: 'path',
    gitDirectory: join(root, '.git'),
  });
  git(root, 'checkout', '-q', '--orphan', 'elsewhere');
  const commit = commitFile(root);
  git(root, 'checkout', '-q', '--orphan', 'unborn');
  assert.equal(await idOf(root), `commit:${commit}`, 'HEAD is not born: the branches count');
});

test('a shallow clone does not take the commit it was cut at for its root', async () => {
  const base = scratchDirectory();
  const original = initRepository(join(base, 'original'));
  commitFile(original, 'a');
  commitFile(original, 'b');
  git(base, 'clone', '-q', '--depth', '1', `file://${original}`, 'shallow');
  const shallow = join(base, 'shallow');
  git(shallow, 'remote', 'remove', 'origin');
  assert.equal(await idOf(shallow), `path:${shallow}`);
  git(shallow, 'worktree', 'add', '-q', '../tree');
  assert.equal(await idOf(join(base, 'tree')), `path:${shallow}`, 'its worktree is the same project');
});

test('origins that lead to each other give one answer from every side', async () => {
  const base = scratchDirectory();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => initRepository(join(base, name))) as [
    string,
    string,
    string,
  ];
  for (const [from, to] of [
    [a, b],
    [b, a],
    [c, b],
  ] as const) {
    git(from, 'remote', 'add', 'origin', to);
  }
  assert.equal(await idOf(a), `path:${a}`);
  assert.equal(await idOf(b), `path:${a}`);
  assert.equal(await idOf(c), `path:${a}`);
  git(a, 'remote', 'set-url', 'origin', '.');
  assert.equal(await idOf(a), `path:${a}`);
});

test('a chain of clones is followed five steps far', async () => {
  const base = scratchDirectory();
  initRepository(join(base, '0'), 'https://github.com/acme/app');
  for (let i = 1; i <= 7; i++) initRepository(join(base, String(i)), join(base, String(i - 1)));
  assert.equal(await idOf(join(base, '5')), 'github.com/acme/app');
  assert.equal(await idOf(join(base, '6')), `path:${join(base, '1')}`);
});

test('a local origin that is gone, or is a plain directory inside another repository, is not followed', async () => {
  const base = scratchDirectory();
  const outer = initRepository(join(base, 'outer'), 'https://github.com/acme/outer');
  mkdirSync(join(outer, 'plain'));
  const app = initRepository(join(base, 'app'), join(outer, 'plain'));
  const commit = commitFile(app);
  assert.equal(await idOf(app), `commit:${commit}`);
  git(app, 'remote', 'set-url', 'origin', join(base, 'nowhere'));
  assert.equal(await idOf(app), `commit:${commit}`);
});

test('a submodule is a project of its own, also one without an origin', async () => {
  const base = scratchDirectory();
  const library = initRepository(join(base, 'library'), 'https://github.com/acme/library');
  commitFile(library);
  const app = initRepository(join(base, 'app'), 'https://github.com/acme/app');
  git(app, 'submodule', 'add', '-q', library, 'vendor/library');
  const inside = join(app, 'vendor/library');
  const project = await resolveProject(inside);
  assert.equal(project.id, 'github.com/acme/library');
  assert.equal(project.root, inside);
  assert.equal(project.gitDirectory, join(app, '.git/modules/vendor/library'));
  assert.equal(await idOf(join(app, 'vendor')), 'github.com/acme/app');
  git(inside, 'remote', 'remove', 'origin');
  assert.match(await idOf(inside), /^commit:/);
});

test('a directory without git is its real path, a link to it the same', async () => {
  const base = scratchDirectory();
  mkdirSync(join(base, 'notes'));
  symlinkSync('notes', join(base, 'link'));
  assert.deepEqual(await resolveProject(join(base, 'link')), {
    id: `path:${join(base, 'notes')}`,
    root: join(base, 'notes'),
    via: 'path',
  });
});

test('a bare repository is a project; a bare fixture inside a working tree belongs to that tree', async () => {
  const base = scratchDirectory();
  git(base, 'init', '-q', '--bare', 'app.git');
  const bare = join(base, 'app.git');
  assert.deepEqual(await resolveProject(join(bare, 'objects')), {
    id: `path:${bare}`,
    root: bare,
    via: 'path',
    gitDirectory: bare,
  });
  const outer = initRepository(join(base, 'outer'), 'https://github.com/acme/outer');
  git(outer, 'init', '-q', '--bare', 'test/fixture.git');
  assert.equal(await idOf(join(outer, 'test/fixture.git')), 'github.com/acme/outer');
});

test('a git directory under another name with worktrees beside it is one project', async () => {
  const base = scratchDirectory();
  const source = initRepository(join(base, 'source'));
  commitFile(source);
  git(base, 'clone', '-q', '--bare', source, 'proj/.bare');
  const proj = join(base, 'proj');
  writeFileSync(join(proj, '.git'), 'gitdir: ./.bare\n');
  git(proj, 'remote', 'set-url', 'origin', 'https://github.com/acme/app');
  git(proj, 'worktree', 'add', '-q', 'main', 'main');
  assert.equal(await idOf(proj), 'github.com/acme/app');
  assert.equal((await resolveProject(join(proj, 'main'))).root, join(proj, 'main'));
  assert.equal(await idOf(join(proj, 'main')), 'github.com/acme/app');
});

test('a .git file that points nowhere makes a path project, an empty .git directory makes nothing', async () => {
  const base = scratchDirectory();
  const outer = initRepository(join(base, 'outer'), 'https://github.com/acme/outer');
  for (const [name, text] of Object.entries({
    lost: 'gitdir: /nowhere/at/all\n',
    empty: '',
    garbage: '\0\u0001gitdir',
    huge: `gitdir: ${'x'.repeat(100_000)}`,
  })) {
    writeFile(join(outer, name, '.git'), text);
    mkdirSync(join(outer, name, 'src'));
    const project = await resolveProject(join(outer, name, 'src'));
    assert.equal(project.id, `path:${join(outer, name)}`, name);
  }
  mkdirSync(join(outer, 'sub/.git'), { recursive: true });
  assert.equal(await idOf(join(outer, 'sub')), 'github.com/acme/outer');
});

test('a name too long for a key, or with control characters, becomes a hash', async () => {
  const base = scratchDirectory();
  const long = initRepository(join(base, 'long'), `https://github.com/acme/${'x'.repeat(600)}`);
  assert.match(await idOf(long), /^origin:sha256:[0-9a-f]{64}$/);
  const fits = initRepository(join(base, 'fits'), `https://h/${'x'.repeat(maxProjectBytes - 2)}`);
  assert.equal(Buffer.byteLength(await idOf(fits)), maxProjectBytes);
  const odd = initRepository(join(base, 'odd\nname'));
  assert.match(await idOf(odd), /^path:sha256:[0-9a-f]{64}$/);
});

test('a directory that is missing or is a file is refused by name', async () => {
  const base = scratchDirectory();
  writeFile(join(base, 'file'));
  for (const path of [join(base, 'none'), join(base, 'file'), join(base, 'file/below'), `${base}/\0`, '']) {
    await assert.rejects(resolveProject(path), (error) => {
      assert.ok(error instanceof CollabError);
      assert.equal(error.code, 'PROJECT_NOT_FOUND');
      assert.ok(error.next);
      return true;
    });
  }
});

test('a repository that was moved keeps its id, and so does its worktree once repaired', async () => {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'));
  const commit = commitFile(root);
  git(root, 'worktree', 'add', '-q', '../tree');
  renameSync(root, join(base, 'moved'));
  assert.equal(await idOf(join(base, 'moved')), `commit:${commit}`);
  assert.equal(await idOf(join(base, 'tree')), `path:${join(base, 'tree')}`);
  git(join(base, 'moved'), 'worktree', 'repair', join(base, 'tree'));
  assert.equal(await idOf(join(base, 'tree')), `commit:${commit}`);
});
