import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runGit } from '../../src/project/git-command.ts';
import { resolveProject } from '../../src/project/project-identity.ts';
import { commitFile, git, initRepository, scratchDirectory, writeFile } from './git-fixture.ts';

/** Resolves in a process with an environment of its own; an error stands as its code. */
function idsInChild(directories: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const source = new URL('../../src/project/project-identity.ts', import.meta.url).href;
  const script = `
    import { resolveProject } from ${JSON.stringify(source)};
    for (const path of process.argv.slice(1)) console.log(await resolveProject(path).then((it) => it.id, (e) => e.code));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, ...directories];
  return execFileSync(process.execPath, args, { encoding: 'utf8', env }).trim().split('\n');
}

const idOf = async (directory: string) => (await resolveProject(directory)).id;

test('variables of a git hook in the environment change nothing', async () => {
  const base = scratchDirectory();
  const app = initRepository(join(base, 'app'), 'https://github.com/acme/app');
  const plain = initRepository(join(base, 'plain'));
  const commit = commitFile(plain);
  const other = initRepository(join(base, 'other'), 'https://github.com/acme/other');
  commitFile(other);
  const ids = idsInChild([app, plain], {
    ...process.env,
    GIT_DIR: join(other, '.git'),
    GIT_WORK_TREE: other,
    GIT_COMMON_DIR: join(other, '.git'),
    GIT_INDEX_FILE: join(other, '.git/index'),
    GIT_OBJECT_DIRECTORY: join(other, '.git/objects'),
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'remote.origin.url',
    GIT_CONFIG_VALUE_0: 'https://evil.example/x',
  });
  assert.deepEqual(ids, ['github.com/acme/app', `commit:${commit}`]);
});

test('nothing that a repository configures is run, and no file of it is touched', async () => {
  const base = scratchDirectory();
  const proof = join(base, 'ran');
  const evil = join(base, 'evil.sh');
  writeFileSync(evil, `#!/bin/sh\ntouch ${proof}\n`);
  chmodSync(evil, 0o755);
  const root = initRepository(join(base, 'app'));
  commitFile(root);
  for (const key of [
    'core.fsmonitor',
    'core.pager',
    'core.sshCommand',
    'core.editor',
    'core.alternateRefsCommand',
    'gpg.program',
    'credential.helper',
    'alias.config',
    'alias.rev-list',
    'pager.config',
    'pager.rev-list',
    'diff.external',
    'remote.lazy.uploadpack',
  ]) {
    git(root, 'config', key, key.startsWith('alias') ? `!${evil}` : evil);
  }
  git(root, 'config', 'core.hooksPath', base);
  git(root, 'config', 'core.repositoryformatversion', '1');
  git(root, 'config', 'extensions.partialClone', 'lazy');
  git(root, 'config', 'remote.lazy.url', `ext::${evil}`);
  git(root, 'config', 'remote.lazy.promisor', 'true');
  git(root, 'config', 'protocol.ext.allow', 'always');
  // HEAD names a commit that is not there: a partial clone would fetch it, through the program above.
  writeFileSync(join(root, '.git/refs/heads/main'), `${'1'.repeat(40)}\n`);
  const before = readdirSync(join(root, '.git')).sort();
  assert.equal((await resolveProject(root)).via, 'path');
  assert.equal(existsSync(proof), false);
  assert.deepEqual(readdirSync(join(root, '.git')).sort(), before);
});

test('a repository of another owner, which git itself would refuse, keeps its identity (needs root to make one)', {
  skip: process.getuid?.() === 0 ? false : 'only root can give a directory to another user',
}, async () => {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'));
  const commit = commitFile(root);
  chownSync(root, 12345, 12345);
  chownSync(join(root, '.git'), 12345, 12345);
  assert.throws(() => git(root, 'rev-list', 'HEAD'), /dubious ownership/);
  assert.equal(await idOf(root), `commit:${commit}`);
});

test('a configuration that git cannot read is read by hand', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://github.com/acme/app');
  appendFileSync(join(root, '.git/config'), '[core]\n\trepositoryformatversion = 99\n[broken\n');
  assert.throws(() => git(root, 'status'));
  assert.equal(await idOf(root), 'github.com/acme/app');
});

test('an origin in an included file counts', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'));
  writeFileSync(join(root, '.git/more'), '[remote "origin"]\n\turl = https://github.com/acme/app\n');
  git(root, 'config', 'include.path', 'more');
  assert.equal(await idOf(root), 'github.com/acme/app');
});

test('without git on the machine the origin is found and the rest is a path', () => {
  const base = scratchDirectory();
  const app = initRepository(join(base, 'app'), 'https://github.com/acme/app');
  const plain = initRepository(join(base, 'plain'));
  commitFile(plain);
  const env = { PATH: join(base, 'empty'), HOME: base };
  assert.deepEqual(idsInChild([app, plain], env), ['github.com/acme/app', `path:${plain}`]);
});

test('a git that dies under way gives no second-best id but PROJECT_UNREADABLE', () => {
  const base = scratchDirectory();
  const app = initRepository(join(base, 'app'), 'https://github.com/acme/app');
  const plain = initRepository(join(base, 'plain'));
  commitFile(plain);
  writeFile(join(base, 'bin/git'), '#!/bin/sh\nkill -9 $$\n');
  chmodSync(join(base, 'bin/git'), 0o755);
  const env = { PATH: `${join(base, 'bin')}:${process.env.PATH}`, HOME: base };
  assert.deepEqual(idsInChild([app, plain], env), ['github.com/acme/app', 'PROJECT_UNREADABLE']);
});

test('a git that hangs is cut off, one that is missing or says no is told apart', async () => {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'));
  const slow = join(base, 'slow-git');
  writeFileSync(slow, `#!/bin/sh\nexec ${process.execPath} -e 'setInterval(() => {}, 1000)'\n`);
  chmodSync(slow, 0o755);
  const gitDirectory = join(root, '.git');
  assert.equal((await runGit(gitDirectory, ['config', '--get', 'x.y'], 100, slow)).kind, 'stuck');
  assert.equal(
    (await runGit(gitDirectory, ['config', '--get', 'x.y'], 5000, join(base, 'none'))).kind,
    'missing',
  );
  assert.equal((await runGit(gitDirectory, ['config', '--get', 'x.y'], 5000)).kind, 'refused');
});
