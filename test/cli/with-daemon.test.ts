/** The commands against a real daemon. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { CliFixture, finished, linesOf } from './cli-fixture.ts';

describe('with a daemon', () => {
  const cli = new CliFixture();
  before(async () => {
    assert.equal((await cli.json(['daemon', 'start'])).data.started, true);
  });
  after(() => cli.close());

  const acquire = (agent: string, target: string, ...more: string[]) =>
    cli.json(['lock', 'acquire', target, '-m', `${agent} works`, '--agent', agent, ...more]);

  it('grants, denies with the holder and its intention, checks and releases', async () => {
    const granted = await acquire('ann', 'src/login.ts:1-10', '--ttl', '5m');
    const { id, fence, expiresAt } = granted.data.lock;
    assert.deepEqual([granted.exit, granted.data.lock.holder], [0, 'ann']);

    const denied = await acquire('bob', './src/../src/login.ts:5-20');
    const { holder, intention, lockId, overlap } = denied.error?.details ?? {};
    assert.deepEqual([denied.exit, denied.error?.code], [3, 'LOCK_DENIED']);
    assert.deepEqual([holder, intention, lockId, overlap], ['ann', 'ann works', id, 'partial']);
    const apartMs = Date.parse(denied.error?.details.expiresAt) - Date.parse(expiresAt);
    assert.ok(Math.abs(apartMs) < 1000, `${apartMs}`);

    const forPeople = await cli.run(['lock', 'acquire', 'src/login.ts', '-m', 'x', '--agent', 'bob']);
    assert.equal(forPeople.stdout, '');
    for (const part of [/^error: /, /ann works/, /in [45]m/, /\nnext: /])
      assert.match(forPeople.stderr, part);

    assert.equal(
      (await cli.json(['lock', 'check', id, '--fence', `${fence}`, '--agent', 'ann'])).data.valid,
      true,
    );
    const foreign = await cli.json(['lock', 'release', id, '--agent', 'bob']);
    assert.deepEqual([foreign.exit, foreign.error?.code], [3, 'LOCK_NOT_HOLDER']);
    assert.match(foreign.error?.next ?? '', /You act as bob/);
    assert.equal((await cli.json(['lock', 'renew', id, '--agent', 'ann', '--ttl', '10m'])).exit, 0);
    assert.equal((await cli.run(['lock', 'release', id, '--agent', 'ann'])).code, 0);
    const ended = await cli.json(['lock', 'check', id, '--agent', 'ann']);
    assert.deepEqual(
      [ended.exit, ended.error?.code, ended.error?.details.reason],
      [3, 'LOCK_NOT_HELD', 'released'],
    );
  });

  it('lists, explains and ends locks', async () => {
    const { id } = (await acquire('carl', 'src/list.ts')).data.lock;
    const listed = await cli.json(['lock', 'list', '--agent', 'carl']);
    assert.deepEqual(
      listed.data.locks.map((lock: { id: string }) => lock.id),
      [id],
    );
    assert.match((await cli.run(['lock', 'list'])).stdout, /LOCK +FENCE[\s\S]*src\/list\.ts/);
    assert.match((await cli.run(['why', 'src/list.ts'])).stdout, /carl/);
    const forced = await cli.json(['lock', 'force', id, '--reason', 'gone', '--agent', 'dora']);
    assert.equal(forced.data.released.id, id);
    // Told once, with the next answer, and on standard error for people.
    const told = await cli.run(['why', 'src/list.ts', '--agent', 'carl']);
    assert.match(told.stderr, new RegExp(`notice: .*${id}`));
    const history = await cli.json(['lock', 'history', '--path', 'src/list.ts']);
    const actions = history.data.events.map((event: { action: string }) => event.action);
    assert.deepEqual(actions, ['forced', 'acquired']);
  });

  it('takes the agent from the environment', async () => {
    const env = { CLAUDE_CODE_SESSION_ID: 's1' };
    const json = await cli.json(['lock', 'acquire', 'src/env.ts', '-m', 'x'], { env });
    assert.equal(json.data.lock.holder, 'claude:s1');
  });

  it('shares context from a flag, a file and standard input', async () => {
    writeFileSync(cli.path('note.txt'), 'from a file: ümlaut\n');
    await cli.json([
      'context',
      'share',
      'src/login.ts',
      '-m',
      'from a flag',
      '--tag',
      'auth',
      '--tag',
      'ttl',
    ]);
    await cli.json(['context', 'share', 'src/login.ts', '--file', cli.path('note.txt')]);
    const last = await cli.json(['context', 'share', 'src/login.ts', '-'], { input: 'from a pipe' });
    assert.equal(last.data.durability, 'flushed');
    const listed = await cli.json(['context', 'list', '--path', 'src']);
    const contents = listed.data.contexts.map((it: { content: string }) => it.content);
    assert.deepEqual(contents, ['from a pipe', 'from a file: ümlaut\n', 'from a flag']);
    assert.equal((await cli.json(['context', 'list', '--tag', 'ttl'])).data.contexts.length, 1);
    const found = await cli.json(['context', 'search', 'a', 'pipe', '--limit', '1']);
    assert.deepEqual(
      found.data.hits.map(({ content, matched }: { content: string; matched: string[] }) => [
        content,
        matched,
      ]),
      [['from a pipe', ['pipe']]],
    );
    const elsewhere = await cli.run(['context', 'search', 'submarine', '--path', 'docs']);
    assert.match(elsewhere.stdout, /^no shared context speaks of it\n/);
    assert.match((await cli.run(['context', 'search', 'pipe'])).stdout, /from a pipe/);
    const shown = await cli.run(['context', 'show', last.data.context.id]);
    assert.match(shown.stdout, /\nfrom a pipe\n$/);
    assert.match((await cli.run(['log', '--path', 'src/login.ts'])).stdout, /src\/login\.ts: from a flag/);
  });

  it('says in a sentence which secrets it left out', async () => {
    const token = ['gh', 'p_', 'a1B2'.repeat(9)].join('');
    const one = await cli.run(['context', 'share', 'src/key.ts', '-m', `use ${token}`]);
    assert.match(one.stdout, /^shared .*\n1 secret was left out: GitHub token\n$/);
    const more = await cli.run(['context', 'share', 'src/key.ts', '-'], {
      input: `${token} ${token} redis://:${'q7ZrW2xk'}@cache`,
    });
    assert.match(more.stdout, /\n3 secrets were left out: 2 × GitHub token, password in a URL\n$/);
    const { data } = await cli.json(['context', 'list', '--path', 'src/key.ts']);
    assert.doesNotMatch(JSON.stringify(data), /a1B2|q7Zr/);
  });

  it('follows the log and the audit with their filters, each event once', async () => {
    const share = (path: string, text: string) => cli.json(['context', 'share', path, '-m', text]);
    await share('src/follow.ts', 'before');
    const log = cli.spawn(['log', '--follow', '--path', 'src/follow.ts', '--json']);
    const audit = cli.spawn(['audit', '--follow', '--holder', 'eve', '--limit', '0', '--json']);
    const [logLines, auditLines] = [linesOf(log), linesOf(audit)];
    const first = JSON.parse((await logLines.next()).value);
    assert.deepEqual([first.ok, first.data.payload.content], [true, 'before']);
    await share('src/other.ts', 'not asked for');
    await share('src/follow.ts', 'after');
    assert.equal(JSON.parse((await logLines.next()).value).data.payload.content, 'after');
    // The audit has no backlog to show that it listens: claims are made until one is seen.
    const seen = auditLines.next();
    let isSeen = false;
    seen.then(() => {
      isSeen = true;
    });
    while (!isSeen) {
      await acquire('fred', 'src/fred.ts');
      await acquire('eve', 'src/eve.ts');
    }
    assert.equal(JSON.parse((await seen).value).data.holder, 'eve');
    for (const child of [log, audit]) {
      const end = finished(child);
      child.kill('SIGINT');
      assert.equal((await end).code, 130);
    }
  });

  it('ends a follower whose reader is gone without a word', async () => {
    const child = cli.spawn(['log', '--follow', '--json']);
    await linesOf(child).next();
    const end = finished(child);
    child.stdout.destroy();
    let ended = false;
    end.then(() => {
      ended = true;
    });
    while (!ended) await cli.json(['context', 'share', 'src/head.ts', '-m', 'more']);
    const { code, stderr } = await end;
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('takes a waiting claim back on Ctrl-C', async () => {
    await acquire('gina', 'src/wait.ts');
    const waiting = cli.spawn([
      'lock',
      'acquire',
      'src/wait.ts',
      '-m',
      'x',
      '--agent',
      'hugo',
      '--wait',
      '60s',
      '--json',
    ]);
    const waiters = async () =>
      (await cli.json(['lock', 'list', '--path', 'src/wait.ts'])).data.waiters.length as number;
    while ((await waiters()) === 0);
    const end = finished(waiting);
    waiting.kill('SIGINT');
    const { code, stdout } = await end;
    assert.deepEqual([code, JSON.parse(stdout).ok], [130, false]);
    while ((await waiters()) > 0);
  });

  it('shows its status, compacts, and verifies while it runs', async () => {
    const status = await cli.json(['status']);
    assert.equal(status.data.pid, cli.daemonPid());
    assert.equal(status.data.project, 'example.org/acme/app');
    assert.match((await cli.run(['status'])).stdout, /daemon +0[\s\S]*locks +\d+ held/);
    assert.match((await cli.run([])).stdout, /next: agent-collab lock list/);
    assert.equal((await cli.json(['compact'])).data.dropped, 0);
    assert.equal((await cli.json(['verify'])).data.sound, true);
  });

  it('refuses paths outside the repository and unknown records', async () => {
    const outside = await acquire('ivan', '../../etc/passwd');
    assert.deepEqual([outside.exit, outside.error?.code], [2, 'PATH_OUTSIDE_PROJECT']);
    const reversed = await acquire('ivan', 'src/login.ts:20-10');
    assert.deepEqual([reversed.exit, reversed.error?.code], [2, 'INVALID_ARGUMENT']);
    assert.equal((await cli.json(['context', 'show', 'nothing'])).exit, 2);
  });
});
