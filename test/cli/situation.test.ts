/** What `agent-collab` alone says, situation by situation. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { advice, type Facts, type Situation } from '../../src/cli/situation.ts';
import type { LockView, StatusView, WaiterView } from '../../src/control/results.ts';
import { writeLegacyHome } from '../migrate/legacy-home.ts';
import { CliFixture } from './cli-fixture.ts';
import { FakeDaemon } from './fake-daemon.ts';

// Only what the advice looks at.
const status = {
  readOnly: null,
  audit: { lost: 0 },
  lanes: { persist: { state: 'running' } },
  locks: { agreement: null },
} as unknown as StatusView;
const target = (start: number, end: number) => [
  { path: 'src/a.ts', scope: { kind: 'lines' as const, start, end }, text: `src/a.ts:${start}-${end}` },
];
const lock = (id: string, holder: string, start: number) =>
  ({ id, holder, project: 'p', targets: target(start, start + 9) }) as unknown as LockView;
const waiter = (agent: string, start: number) =>
  ({ agent, targets: target(start, start) }) as unknown as WaiterView;

const calm: Facts = {
  daemon: status,
  hasOldData: false,
  agent: 'ann',
  locks: [],
  waiters: [],
  inRepository: true,
  unconnected: [],
};

/** Facts that make the situation, also with everything less urgent, and what is proposed. */
const samples: Readonly<Record<Situation, readonly [facts: Partial<Facts>, next: string, why: RegExp]>> = {
  'not-migrated': [{ hasOldData: true, daemon: 'none' }, 'migrate start', /older program/],
  'no-daemon': [{ daemon: 'none' }, 'daemon start', /no daemon/],
  'no-answer': [{ daemon: 'silent' }, 'daemon restart', /does not answer/],
  unhealthy: [{ daemon: { ...status, readOnly: { reason: 'disk full' } } }, 'doctor', /disk full/],
  'no-majority': [
    {
      daemon: {
        ...status,
        locks: { ...status.locks, agreement: { epoch: 1, members: 3, reachable: 1, majority: false } },
      },
    },
    'peers list',
    /1 of 3 members/,
  ],
  'waited-for': [
    { locks: [lock('lk_1', 'ann', 1), lock('lk_2', 'ann', 20)], waiters: [waiter('ben', 25)] },
    'lock release lk_2',
    /1 waiting for src\/a\.ts:20-29/,
  ],
  holding: [
    { locks: [lock('lk_1', 'ann', 1)], waiters: [waiter('ben', 25)] },
    'lock release lk_1',
    /you hold/,
  ],
  'no-repository': [{ inRepository: false }, 'lock list --all', /no repository/],
  'not-connected': [{ unconnected: ['Claude Code', 'Codex'] }, 'setup', /Claude Code, Codex: installed/],
  'others-hold': [{ locks: [lock('lk_1', 'ben', 1)] }, 'lock list', /others hold 1/],
  ready: [{}, 'lock acquire <file> -m "what you intend"', /nobody holds/],
};

describe('the next command', () => {
  for (const [situation, [facts, next, why]] of Object.entries(samples)) {
    it(`fits when it is ${situation}`, () => {
      const given = advice({ ...calm, ...facts });
      assert.deepEqual([given.situation, given.next], [situation, `agent-collab ${next}`]);
      assert.match(given.why, why);
    });
  }

  it('is for what is most urgent when several things hold', () => {
    const all = Object.entries(samples).toReversed();
    for (const [at, [situation, [facts]]] of all.entries()) {
      const less = Object.assign({}, ...all.slice(0, at).map(([, [one]]) => one)) as Partial<Facts>;
      assert.equal(advice({ ...calm, ...less, ...facts }).situation, situation);
    }
  });

  it('is to stop the daemon first when data of the older program are beside a running one', () => {
    const { next, why } = advice({ ...calm, hasOldData: true });
    assert.equal(next, 'agent-collab daemon stop');
    assert.match(why, /agent-collab migrate start/);
  });

  it('is to ask the doctor for every kind of trouble', () => {
    const lost = { ...status, audit: { ...status.audit, lost: 2 } };
    const lane = { ...status.lanes.persist, state: 'failed' as const };
    assert.match(advice({ ...calm, daemon: lost }).why, /2 audit events were lost/);
    assert.match(
      advice({ ...calm, daemon: { ...status, lanes: { ...status.lanes, index: lane } } }).why,
      /failed: index/,
    );
  });
});

describe('a bare call', () => {
  const cli = new CliFixture();
  after(() => cli.close());
  const told = async (env: Readonly<Record<string, string>> = {}, cwd = cli.repository) => {
    const { exit, data } = await cli.json([], { env: { AGENT_COLLAB_AGENT: 'ann', ...env }, cwd });
    assert.equal(exit, 0);
    return [data.situation, data.next];
  };

  it('sees the data of the older program', async () => {
    const home = cli.path('legacy');
    mkdirSync(home, { mode: 0o700 });
    writeLegacyHome(home);
    assert.deepEqual(await told({ AGENT_COLLAB_HOME: home }), ['not-migrated', 'agent-collab migrate start']);
  });

  it('tells a daemon that does not answer from none', async () => {
    const home = cli.path('silent');
    const daemon = await FakeDaemon.open(home, 'hangs-up');
    const { stdout } = await cli.run([], { env: { AGENT_COLLAB_HOME: home } });
    assert.match(stdout, /^The daemon does not answer .*\nnext: agent-collab daemon restart\n/);
    await daemon.close();
  });

  it('sees the repository, the locks, who waits, and the clients that are installed', async () => {
    await cli.json(['daemon', 'start']);
    assert.deepEqual((await told())[0], 'ready');
    mkdirSync(cli.path('.claude'));
    assert.deepEqual(await told(), ['not-connected', 'agent-collab setup']);
    await cli.json(['setup', 'claude']);
    assert.deepEqual((await told())[0], 'ready');
    const outside = cli.path('outside');
    mkdirSync(join(outside));
    assert.deepEqual(await told({}, outside), ['no-repository', 'agent-collab lock list --all']);

    const { id } = (await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'x', '--agent', 'ann'])).data
      .lock;
    assert.deepEqual(await told({ AGENT_COLLAB_AGENT: 'ben' }), ['others-hold', 'agent-collab lock list']);
    assert.deepEqual(await told(), ['holding', `agent-collab lock release ${id}`]);
    const waiting = cli.spawn([
      'lock',
      'acquire',
      'src/login.ts',
      '-m',
      'y',
      '--agent',
      'ben',
      '--wait',
      '10m',
    ]);
    while ((await cli.json(['lock', 'list'])).data.waiters.length === 0);
    assert.deepEqual(await told(), ['waited-for', `agent-collab lock release ${id}`]);
    waiting.kill('SIGKILL');
    const { stdout } = await cli.run([], { env: { AGENT_COLLAB_AGENT: 'ann' } });
    assert.match(
      stdout,
      /\nnext: agent-collab lock release .*\n {6}\(.*src\/login\.ts.*\)\n {6}agent-collab --help/,
    );
  });
});
