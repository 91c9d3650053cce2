/** Interests from the command line, through restarts of the daemon. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CliFixture } from './cli-fixture.ts';

describe('interests', () => {
  const cli = new CliFixture();
  before(async () => {
    mkdirSync(join(cli.repository, 'auth'));
    assert.equal((await cli.json(['daemon', 'start'])).exit, 0);
  });
  after(() => cli.close());

  const interests = (...words: string[]) => cli.json(['interests', ...words]);
  const patternsOf = async (...words: string[]) =>
    (await interests(...words)).data.interests.flatMap((it: { patterns: string[] }) => it.patterns);

  it('are added relative to where one stands, listed, and taken back', async () => {
    const none = await cli.run(['interests']);
    assert.match(none.stdout, /^no interests: .*interests add/);
    const added = await cli.json(['interests', 'add', './*.ts', '../src/', '--for', '2d', '--agent', 'ann'], {
      cwd: join(cli.repository, 'auth'),
    });
    const [interest] = added.data.interests;
    assert.deepEqual(interest.patterns, ['auth/*.ts', 'src']);
    assert.deepEqual(
      [interest.agent, interest.project, interest.isHere],
      ['ann', 'example.org/acme/app', true],
    );
    const lifeMs = Date.parse(interest.expiresAt) - Date.now();
    assert.ok(lifeMs > 1.9 * 86_400_000 && lifeMs <= 2 * 86_400_000, interest.expiresAt);
    await interests('add', 'docs/**', '--agent', 'bob');
    const listed = await cli.run(['interests']);
    assert.match(
      listed.stdout,
      /AGENT +PATTERNS +EXPIRES +NODE\nann +auth\/\*\.ts src +in (?:1d|2d).*this one\nbob +docs/,
    );
    assert.deepEqual(await patternsOf('--agent', 'bob'), ['docs/**']);
    assert.match((await cli.run(['interests', '--all'])).stdout, /PROJECT[\s\S]*example\.org\/acme\/app/);
    const removed = await cli.run(['interests', 'remove', 'auth/*.ts', '--agent', 'ann']);
    assert.match(removed.stdout, /^removed auth\/\*\.ts; ann still has\n[\s\S]*ann +src/);
    assert.match(
      (await cli.run(['interests', 'remove', '--agent', 'ann'])).stdout,
      /ann has no interests now/,
    );
    assert.match(
      (await cli.run(['interests', 'remove', 'src', '--agent', 'ann'])).stdout,
      /no such interest/,
    );
  });

  it('are refused when they can match nothing, or not here', async () => {
    for (const pattern of ['a/**/../b', 'x\ny', '.git/**', `${'{a,b}'.repeat(7)}`]) {
      const { exit, error } = await interests('add', pattern);
      assert.deepEqual(
        [exit, error?.code, error?.details.field],
        [2, 'INVALID_ARGUMENT', 'patterns'],
        pattern,
      );
      assert.ok(error?.next);
    }
    assert.equal((await interests('add', '../elsewhere')).error?.code, 'PATH_OUTSIDE_PROJECT');
    assert.equal((await interests('add', 'a', '--for', '31d')).error?.code, 'INVALID_ARGUMENT');
    assert.equal((await interests('add', 'a', '--for', 'long')).error?.code, 'USAGE');
  });

  it('survive a stop and a SIGKILL of the daemon', async () => {
    await interests('remove', '--agent', 'bob');
    await interests('add', 'auth/**', '--agent', 'ann');
    assert.equal((await cli.json(['daemon', 'restart'])).exit, 0);
    assert.deepEqual(await patternsOf(), ['auth/**']);
    await interests('add', 'db/**', '--agent', 'ann');
    const pid = cli.daemonPid();
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    assert.equal((await cli.json(['daemon', 'start'])).exit, 0);
    assert.deepEqual((await patternsOf()).sort(), ['auth/**', 'db/**']);
    await cli.json(['context', 'share', 'auth/jwt.ts', '-m', 'one', '--agent', 'bob']);
    await cli.json(['context', 'share', 'src/login.ts', '-m', 'two', '--agent', 'bob']);
    const prompt = {
      session_id: 's',
      cwd: cli.repository,
      hook_event_name: 'SessionStart',
      source: 'startup',
    };
    await interests('add', 'auth/**', '--agent', 'claude:s');
    const told = await cli.run(['hook', 'claude'], { input: JSON.stringify(prompt) });
    assert.match(told.stdout, /auth\/jwt\.ts: bob: one/);
    assert.doesNotMatch(told.stdout, /login/);
  });
});
