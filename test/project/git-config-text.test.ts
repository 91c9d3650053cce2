import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGitConfigValue } from '../../src/project/git-config-text.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { git, scratchDirectory } from './git-fixture.ts';

const originUrl = (text: string) => readGitConfigValue(text, 'remote', 'origin', 'url');

test('reads the origin as git reads it', () => {
  const path = join(scratchDirectory(), 'config');
  const texts = [
    '[remote "origin"]\n\turl = https://host/a\n',
    '[remote "origin"] url = https://host/a\n',
    '[core]\n\tbare = false\n[remote "other"]\n\turl = no\n[remote "origin"]\n\tfetch = x\n\tURL=https://host/a ; comment\n',
    '[REMOTE "origin"]\n  url = "https://host/a # not a comment" # a comment\n',
    '[remote "origin"]\n\turl = ab\\\ncd\n',
    '[remote "origin"]\n\turl = "a\\\\b\\"c"   \n',
    '[remote "origin"]\n\turl = a b  c   \n[remote "x"]\n\turl = y\n',
    '# [remote "origin"]\n[remote "origin"]\n# url = no\n\turl = yes\n',
    '[remote "origin"]\r\n\turl = https://host/crlf\r\n',
    '[remote "origin"]\n\turl =\n',
  ];
  for (const text of texts) {
    writeFileSync(path, text);
    const expected = git('/', 'config', '-f', path, '--get', 'remote.origin.url');
    assert.equal(originUrl(text)?.trim(), expected, text);
  }
});

test('the first of several URLs counts', () => {
  assert.equal(originUrl('[remote "origin"]\nurl = first\nurl = second\n'), 'first');
});

test('another remote, another section and another case of the name are not the origin', () => {
  assert.equal(originUrl('[remote "Origin"]\nurl = x\n'), undefined);
  assert.equal(originUrl('[branch "origin"]\nurl = x\n'), undefined);
  assert.equal(originUrl('[remote]\nurl = x\n'), undefined);
  assert.equal(originUrl('url = x\n[remote "origin"]\npushurl = y\n'), undefined);
});

test('garbage gives a string or nothing', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const parts = [
    '[',
    ']',
    '"',
    '\\',
    '\n',
    'remote',
    ' ',
    'origin',
    'url',
    '=',
    '#',
    '[remote "origin"]',
    '\0',
    'x',
  ];
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: random.int(0, 30) }, () => random.pick(parts)).join('');
    const value = originUrl(text);
    assert.ok(value === undefined || typeof value === 'string', `TEST_SEED=${seed}`);
  }
  originUrl(`[remote "origin"]${'\\'.repeat(100_000)}`);
  originUrl(`[remote "${'\\'.repeat(100_000)}`);
});
