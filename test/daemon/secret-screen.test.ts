/** No text here looks like a secret as it stands: each is put together when the test runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { screenSecrets } from '../../src/daemon/secret-screen.ts';
import { code, Place, type RunningDaemon } from './daemon-fixture.ts';

const github = ['gh', 'p_', 'a1B2'.repeat(9)].join('');
const dashes = '-'.repeat(5);
const key = [
  `${dashes}BEGIN PRIVATE KEY${dashes}`,
  'MIIa1B2+'.repeat(8),
  `${dashes}END PRIVATE KEY${dashes}`,
].join('\n');
const password = ['q7Zr', 'W2xk', '9LmP', 'v4Td'].join('');
const said = {
  path: 'src/a.ts',
  content: `Use ${github} here.\nAnd\n${key}\nor ${github}.`,
  tags: ['auth', github],
  metadata: { build: { env: [`TOKEN=${github}`, 7, null] }, dbPassword: password, note: 'plain' },
};
const hidden = [github, password, 'MIIa1B2+MIIa1B2+'];

function share(running: RunningDaemon, place: Place) {
  return running.client.call('context.share', { agent: 'bob', cwd: place.repo, ...said });
}

function assertHidden(text: string): void {
  for (const secret of hidden) assert.ok(!text.includes(secret), 'a secret shows');
}

test('secrets are left out of what is shared, in its text, tags and metadata, and the answer says so', async (t) => {
  const place = new Place(t);
  const running = await place.start({ memory: true });
  const { context, redacted } = (await share(running, place)).data;
  assert.deepEqual(redacted, [
    { kind: 'GitHub token', count: 4 },
    { kind: 'private key', count: 1 },
    { kind: 'password', count: 1 },
  ]);
  const word = '[redacted: GitHub token]';
  assert.equal(context.content, `Use ${word} here.\nAnd\n[redacted: private key]\nor ${word}.`);
  assert.deepEqual(context.tags, ['auth', word]);
  assert.deepEqual(context.metadata, {
    build: { env: [`TOKEN=${word}`, 7, null] },
    dbPassword: '[redacted: password]',
    note: 'plain',
  });
  const lock = await running.acquire('bob', 'src/a.ts', { intention: `try ${github}` });
  assert.equal(lock.intention, `try ${word}`);
  const { client } = running;
  for (const { data } of [await client.call('log', {}), await client.call('audit', {})])
    assertHidden(JSON.stringify(data));
  const plain = await client.call('context.share', {
    agent: 'bob',
    cwd: place.repo,
    path: '.',
    content: 'no secret',
  });
  assert.deepEqual(plain.data.redacted, []);
});

test('with context.secrets at refuse nothing of it is taken, and the refusal says where without the secret', async (t) => {
  const place = new Place(t, { context: { secrets: 'refuse' } });
  const running = await place.start({ memory: true });
  await assert.rejects(share(running, place), (error) => {
    assert.ok(error instanceof CollabError && error.code === 'SECRET_REFUSED', String(error));
    assertHidden(JSON.stringify([error.message, error.next, error.details]));
    assert.deepEqual(error.details?.secrets, [
      { kind: 'GitHub token', field: 'content', line: 1 },
      { kind: 'private key', field: 'content', line: 3 },
      { kind: 'GitHub token', field: 'content', line: 6 },
      { kind: 'GitHub token', field: 'tags', line: 1 },
      { kind: 'GitHub token', field: 'metadata.build.env', line: 1 },
      { kind: 'password', field: 'metadata.dbPassword', line: 1 },
    ]);
    return true;
  });
  await assert.rejects(running.acquire('bob', 'src/a.ts', { intention: github }), code('SECRET_REFUSED'));
  assert.deepEqual((await running.client.call('log', {})).data.deltas, []);
  assert.equal((await running.share('bob', '.', 'no secret')).content, 'no secret');
});

test('with context.secrets at allow it is stored as it was said', async (t) => {
  const place = new Place(t, { context: { secrets: 'allow' } });
  const running = await place.start({ memory: true });
  const { context, redacted } = (await share(running, place)).data;
  assert.deepEqual(
    [context.content, context.tags, context.metadata],
    [said.content, said.tags, said.metadata],
  );
  assert.deepEqual(redacted, []);
});

test('names of entries are texts as well, and odd ones stay', () => {
  const tree = JSON.parse(`{"__proto__": {"x": "${github}"}, "${github}": 1, "constructor": "y"}`) as Record<
    string,
    unknown
  >;
  const { screened, redacted } = screenSecrets(tree, 'redact');
  assert.equal(
    JSON.stringify(screened),
    '{"__proto__":{"x":"[redacted: GitHub token]"},"[redacted: GitHub token]":1,"constructor":"y"}',
  );
  assert.deepEqual(redacted, [{ kind: 'GitHub token', count: 2 }]);
});
