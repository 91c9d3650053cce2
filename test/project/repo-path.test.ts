import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { maxPathBytes } from '../../src/base/limits.ts';
import { normalisePath } from '../../src/project/repo-path.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { writeFile } from './git-fixture.ts';
import { refused, sampleProject } from './sample-project.ts';

test('every spelling of one file is one path', async () => {
  const { base, root, project } = await sampleProject();
  symlinkSync('src', join(root, 'code'));
  symlinkSync('../src/auth/login.ts', join(root, 'code/entry.ts'));
  symlinkSync(join(root, 'src/auth/login.ts'), join(root, 'absolute.ts'));
  symlinkSync('absolute.ts', join(root, 'twice.ts'));
  symlinkSync(root, join(base, 'outside-link'));
  const spellings: readonly (readonly [cwd: string, input: string])[] = [
    [root, 'src/auth/login.ts'],
    [root, './src/auth/login.ts'],
    [root, 'src/./auth//login.ts'],
    [root, 'src\\auth\\login.ts'],
    [root, 'src/auth/../auth/login.ts'],
    [root, 'nothing/../src/auth/login.ts'],
    [root, 'README.md/../src/auth/login.ts'],
    [root, 'src/auth/login.ts/'],
    [root, `${root}/src/auth/login.ts`],
    [root, `/${root}//src/auth/login.ts`],
    [root, `../${root.split('/').at(-1)}/src/auth/login.ts`],
    [root, 'code/auth/login.ts'],
    [root, 'code/entry.ts'],
    [root, 'absolute.ts'],
    [root, 'twice.ts'],
    [root, join(base, 'outside-link/src/auth/login.ts')],
    [join(root, 'src/auth'), 'login.ts'],
    [join(root, 'src'), 'auth/login.ts'],
    [join(root, 'code'), 'auth/login.ts'],
    [join(base, 'outside-link/code'), 'entry.ts'],
    [join(root, 'not/there/yet'), '../../../src/auth/login.ts'],
  ];
  for (const [cwd, input] of spellings) {
    assert.equal(await normalisePath(project, cwd, input), 'src/auth/login.ts', `${cwd} ${input}`);
  }
});

test('the root is a dot in every spelling', async () => {
  const { root, project } = await sampleProject();
  for (const input of ['.', './', 'src/..', root, `${root}/`, '././', 'nothing/..']) {
    assert.equal(await normalisePath(project, root, input), '.', input);
  }
  assert.equal(await normalisePath(project, join(root, 'src'), '..'), '.');
});

test('a file that does not exist yet has a path, below links too', async () => {
  const { root, project } = await sampleProject();
  symlinkSync('src', join(root, 'code'));
  symlinkSync('src/generated/out.ts', join(root, 'dangling'));
  assert.equal(await normalisePath(project, root, 'code/new/deep.ts'), 'src/new/deep.ts');
  assert.equal(await normalisePath(project, root, 'new/./a/../deep.ts'), 'new/deep.ts');
  symlinkSync('dangling', join(root, 'chain'));
  symlinkSync('code/../chain', join(root, 'longer-chain'));
  assert.equal(await normalisePath(project, root, 'dangling'), 'src/generated/out.ts');
  assert.equal(await normalisePath(project, root, 'longer-chain'), 'src/generated/out.ts');
  assert.equal(await normalisePath(project, root, 'dangling/../x.ts'), 'src/generated/x.ts');
});

test('a dot-dot after a link leaves the directory that the link leads to', async () => {
  const { root, project } = await sampleProject();
  symlinkSync('src/auth', join(root, 'link'));
  assert.equal(await normalisePath(project, root, 'link/../main.ts'), 'src/main.ts');
  assert.equal(await normalisePath(project, root, 'link/../new.ts'), 'src/new.ts');
});

test('a glob keeps its pattern and resolves what stands before it', async () => {
  const { root, project } = await sampleProject();
  symlinkSync('src', join(root, 'code'));
  const cases: Readonly<Record<string, string>> = {
    'src/**': 'src/**',
    './src/./auth/*.ts': 'src/auth/*.ts',
    'code/auth/**/': 'src/auth/**',
    'code\\auth\\**': 'src/auth/**',
    '**': '**',
    './**/*.{ts,js}': '**/*.{ts,js}',
    'nothing/../src/?ain.ts': 'src/?ain.ts',
    [`${root}/code/a*//./x`]: 'src/a*/x',
    'pages/[id].tsx': 'pages/[id].tsx',
    'pages/[...all]/*': 'pages/[...all]/*',
  };
  for (const [input, path] of Object.entries(cases)) {
    assert.equal(await normalisePath(project, root, input), path, input);
  }
  assert.equal(await normalisePath(project, join(root, 'src'), '*.ts'), 'src/*.ts');
});

test('brackets are names: a link inside a bracketed directory is followed', async () => {
  const { root, project } = await sampleProject();
  mkdirSync(join(root, 'pages/[id]'), { recursive: true });
  symlinkSync('../../src', join(root, 'pages/[id]/link'));
  assert.equal(await normalisePath(project, root, 'pages/[id]/link/main.ts'), 'src/main.ts');
});

test('what leads out of the project is refused', async () => {
  const { base, root, project } = await sampleProject();
  writeFile(join(base, 'secret'));
  symlinkSync('../secret', join(root, 'leak'));
  symlinkSync('..', join(root, 'up'));
  symlinkSync('../not-there', join(root, 'dangling'));
  for (const input of [
    '..',
    '../secret',
    '/etc/passwd',
    '/',
    'src/../../secret',
    'leak',
    'up/secret',
    'up',
    'dangling',
    '../**',
    'up/**',
    '/**',
    '../app2/x',
    `${root}2/x`,
    'nothing/../../secret',
    'leak/../x',
  ]) {
    const error = await refused('PATH_OUTSIDE_PROJECT', normalisePath(project, root, input), input);
    assert.equal(error.details?.root, root);
  }
});

test('what is no path is refused', async () => {
  const { root, project } = await sampleProject();
  symlinkSync('loop-b', join(root, 'loop-a'));
  symlinkSync('loop-a', join(root, 'loop-b'));
  symlinkSync('*', join(root, 'star'));
  symlinkSync('a\\b', join(root, 'backslash'));
  symlinkSync('a\nb', join(root, 'newline'));
  writeFileSync(join(root, 'real*'), '');
  symlinkSync('real*', join(root, 'star-file'));
  for (const input of [
    '',
    'a\0b',
    'a\nb',
    '\u007f',
    '\u001b[31m',
    'x'.repeat(256),
    'é'.repeat(128),
    'a/'.repeat(3000),
    '\ud800',
    'src/*/../x',
    '**/..',
    'loop-a',
    'loop-a/x',
    'README.md/below',
    'README.md/*',
    'star',
    'star-file',
    'backslash',
    'newline',
  ]) {
    const error = await refused('INVALID_PATH', normalisePath(project, root, input), JSON.stringify(input));
    assert.ok(error.message.length < 400);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    assert.doesNotMatch(error.message, /[\u0000-\u001f]/);
  }
  assert.equal(await normalisePath(project, root, 'x'.repeat(255)), 'x'.repeat(255));
  const longest = `${'a/'.repeat(maxPathBytes / 2 - 1)}bb`;
  assert.equal(Buffer.byteLength(longest), maxPathBytes);
  await refused('INVALID_PATH', normalisePath(project, root, `${longest}b`));
});

test('nothing in .git can be named', async () => {
  const { root, project } = await sampleProject();
  symlinkSync('.git/config', join(root, 'config-link'));
  for (const input of [
    '.git',
    '.git/config',
    '.GIT/x',
    'src/.git/x',
    '.git/**',
    '**/.git/*',
    'config-link',
    './src/../.git/',
  ]) {
    await refused('INVALID_PATH', normalisePath(project, root, input), input);
  }
  assert.equal(await normalisePath(project, root, '.gitignore'), '.gitignore');
  assert.equal(await normalisePath(project, root, '.github/x.git'), '.github/x.git');
});

test('composed and decomposed letters are one path, whichever is on disk', async () => {
  const { root, project } = await sampleProject();
  writeFile(join(root, 'cafe\u0301/x.ts'));
  assert.equal(await normalisePath(project, root, 'cafe\u0301/x.ts'), 'caf\u00e9/x.ts');
  assert.equal(await normalisePath(project, root, 'caf\u00e9/x.ts'), 'caf\u00e9/x.ts');
  assert.equal(await normalisePath(project, root, 'cafe\u0301/*.ts'), 'caf\u00e9/*.ts');
});

test('two spellings that differ in case are two files (needs Linux)', {
  skip: process.platform !== 'linux',
}, async () => {
  const { root, project } = await sampleProject();
  assert.equal(await normalisePath(project, root, 'SRC/main.ts'), 'SRC/main.ts');
});

test('a directory that may not be read is an error, not a crash (unless run as root, whom modes do not bind)', {
  skip: process.getuid?.() === 0 ? 'root may read everything' : false,
}, async () => {
  const { root, project } = await sampleProject();
  chmodSync(join(root, 'src'), 0);
  const error = await refused('INVALID_PATH', normalisePath(project, root, 'src/auth/login.ts'));
  chmodSync(join(root, 'src'), 0o755);
  assert.equal(error.details?.errno, 'EACCES');
});

test('a normalised path is its own spelling, and detours through links and dots change nothing', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const { root, project } = await sampleProject();
  mkdirSync(join(root, 'd/e/f'), { recursive: true });
  symlinkSync('d/e', join(root, 'l1'));
  symlinkSync('../l1/f', join(root, 'd/l2'));
  symlinkSync('e/none/x', join(root, 'd/l3'));
  const names = [
    'd',
    'e',
    'f',
    'l1',
    'l2',
    'l3',
    'new',
    'n.ts',
    '..',
    '.',
    '',
    '*',
    '**',
    '[x]',
    'src',
    'main.ts',
    'e\u0301',
  ];
  let accepted = 0;
  for (let i = 0; i < 600; i++) {
    const input = Array.from({ length: random.int(1, 6) }, () => random.pick(names)).join(
      random.pick(['/', '\\', '//']),
    );
    const note = `TEST_SEED=${seed} input ${JSON.stringify(input)}`;
    const path = await normalisePath(project, root, input).catch((error) => {
      assert.ok(error instanceof CollabError, `${note}: ${error}`);
      assert.ok(
        error.code === 'INVALID_PATH' || error.code === 'PATH_OUTSIDE_PROJECT',
        `${note} ${error.code}`,
      );
      return undefined;
    });
    if (path === undefined) continue;
    accepted++;
    assert.doesNotMatch(path, /\\|\/\/|^\/|\/$|(^|\/)\.\.?(\/|$)(?<!^\.)/, note);
    for (const again of [
      path,
      `./${path}`,
      `${root}/${path}`,
      `d/../${path}`,
      `l1/../../${path}`,
      `none/../${path}/`,
      path.replaceAll('/', '\\'),
      path.normalize('NFD'),
    ]) {
      assert.equal(await normalisePath(project, root, again), path, `${note} again ${JSON.stringify(again)}`);
    }
  }
  assert.ok(accepted > 120, `only ${accepted} of 600 inputs were paths`);
});
