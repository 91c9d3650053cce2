import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOriginUrl } from '../../src/project/origin-url.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

/** Each identity with the spellings that lead to it. */
const spellings: Readonly<Record<string, readonly string[]>> = {
  'github.com/acme/app': [
    'https://github.com/acme/App.git',
    'https://user:tok@GitHub.com:443/acme/App.git/',
    'https://ghp_token@github.com/acme/app',
    'http://github.com:80/acme/app',
    'git@github.com:acme/App.git',
    'git@github.com:/acme/App.git',
    'github.com:acme/app',
    'ssh://git@github.com:22/acme/App',
    'ssh://git@ssh.github.com:443/acme/app.git',
    'git+ssh://git@github.com/acme/app',
    'ssh+git://git@github.com/acme/app',
    'git://github.com/acme/app.git',
    'git://github.com:9418/acme/app.git//',
    'https://www.github.com/acme/app/',
    'https://github.com./acme/app',
    'https://github.com//acme///app.git',
    'https://github.com/acme/x/../app',
    'https://github.com/acme/app?private_token=secret',
    'https://github.com/acme/app#secret',
    'HTTPS://GITHUB.COM/ACME/APP.GIT',
    'persistent-https::https://github.com/acme/app',
    '  https://github.com/acme/app\n',
    'https://user:p%40ss@github.com/acme/app',
    'https://user:p/w@github.com/acme/app',
    'https://user:p@ss@github.com/acme/app',
  ],
  'gitlab.com/group/sub/app': [
    'git@altssh.gitlab.com:group/sub/App.git',
    'https://oauth2:glpat-x@gitlab.com/group/sub/app.git',
  ],
  'dev.azure.com/org/project/repo': [
    'https://org@dev.azure.com/org/project/_git/repo',
    'git@ssh.dev.azure.com:v3/org/project/repo',
  ],
  'git.example.org/acme/App': [
    'https://git.example.org/acme/App.git',
    'git@GIT.example.org:acme/App',
    'ssh://git@git.example.org/acme/App/.git',
    'user:token@git.example.org:acme/App.git',
    '[git@git.example.org:22]:acme/App',
  ],
  'git.example.org:2222/acme/App': [
    'ssh://git@git.example.org:2222/acme/App',
    '[git@git.example.org:2222]:acme/App.git',
    'ssh://git@git.example.org:02222/acme/App',
  ],
  'git.example.org/acme/app': ['https://git.example.org/acme/app'],
  'git.example.org/~me/app': ['git@git.example.org:~me/app', 'ssh://git.example.org/~me/app'],
  'git.example.org/acme/my app': [
    'https://git.example.org/acme/my%20app.git',
    'git@git.example.org:acme/my app',
  ],
  'git.example.org/100%/app': ['https://git.example.org/100%/app'],
  '[::1]:2222/app': ['ssh://git@[::1]:2222/app.git', 'ssh://[::1]:2222/app'],
  '[fe80::1]/app': ['ssh://git@[fe80::1]:22/app', 'git@[fe80::1]:app'],
};

test('every spelling of a URL gives one identity', () => {
  for (const [identity, urls] of Object.entries(spellings)) {
    for (const url of urls) {
      assert.deepEqual(parseOriginUrl(url), { kind: 'remote', identity }, `for ${JSON.stringify(url)}`);
    }
  }
});

test('a local path, a file URL and a Windows path are local origins', () => {
  const cases: Readonly<Record<string, string>> = {
    '/srv/app': '/srv/app',
    '../app': '../app',
    app: 'app',
    './with:colon': './with:colon',
    'dir/with:colon@x': 'dir/with:colon@x',
    'file:///srv/my%20app': '/srv/my app',
    'file://localhost/srv/app': '/srv/app',
    'C:\\code\\app': 'C:\\code\\app',
    'C:/code/app': 'C:/code/app',
  };
  for (const [url, path] of Object.entries(cases)) {
    assert.deepEqual(parseOriginUrl(url), { kind: 'local', path }, `for ${url}`);
  }
});

test('what names no repository gives no origin', () => {
  for (const url of [
    '',
    ' \n',
    'https://',
    'https://host',
    'https://host/',
    'https://host/.git',
    'git@host:',
    'ext::sh -c evil',
    'file://otherhost/x',
    'https://h:x:y/z',
    'foo::',
    'ssh://:22/x',
    '://',
  ]) {
    const origin = parseOriginUrl(url);
    assert.ok(
      origin === undefined || origin.kind === 'local',
      `for ${JSON.stringify(url)}: ${JSON.stringify(origin)}`,
    );
  }
  assert.equal(parseOriginUrl('https://host/'), undefined);
  assert.equal(parseOriginUrl('ext::sh -c evil'), undefined);
});

test('no credential reaches an identity, in well-formed and mistyped URLs alike', () => {
  const places = [
    'https://user:SECRET@host/a/b',
    'https://SECRET@host/a/b',
    'https:/user:SECRET@host/a/b',
    'https:user:SECRET@host/a/b',
    'https://user:SEC/SECRET@host/a/b',
    'https://user:SEC?SECRET@host/a/b',
    'user:SECRET@host:a/b',
    'ssh://user:SECRET@host:22/a/b',
    'git+https://user:SECRET@host/a/b',
    'https://host/a/b?token=SECRET',
    'https://host/a/b#SECRET',
    '[user:SECRET@host:22]:a/b',
    'codecommit::https://user:SECRET@host/a/b',
  ];
  for (const url of places) {
    const origin = parseOriginUrl(url);
    assert.ok(origin === undefined || origin.kind === 'remote', url);
    assert.doesNotMatch(JSON.stringify(origin) ?? '', /SECRET/, url);
  }
});

test('garbage neither throws nor hangs', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const parts = [
    'https',
    '://',
    ':',
    '/',
    '@',
    '[',
    ']',
    '..',
    '.git',
    'a',
    '%',
    '%zz',
    '?',
    '#',
    '\0',
    '\n',
    '::',
    'é',
    '\\',
    '22',
    ' ',
  ];
  for (let i = 0; i < 20_000; i++) {
    const url = Array.from({ length: random.int(0, 12) }, () => random.pick(parts)).join('');
    const origin = parseOriginUrl(url);
    if (origin?.kind === 'remote')
      assert.match(origin.identity, /^[^/]+\/.+$/s, `TEST_SEED=${seed} ${JSON.stringify(url)}`);
  }
  const startMs = performance.now();
  for (const part of ['@', ':', '/', 'a:', 'a@', '[', '%', '../', '.git', '/a:'])
    parseOriginUrl(part.repeat(100_000));
  for (const part of ['@', ':', '/', 'a:', 'a@', '/a:']) parseOriginUrl(`https://${part.repeat(100_000)}`);
  assert.ok(performance.now() - startMs < 5000, 'no spelling takes quadratic time');
});
