import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { maxInterestMs } from '../../src/agents/interest-record.ts';
import type { AgentId, RepoPath } from '../../src/base/ids.ts';
import { code } from '../daemon/daemon-fixture.ts';
import { app, hourMs, type InterestNode, type News, Nodes } from './interest-fixture.ts';

interface Row {
  readonly what: string;
  /** Of ann, for eight hours. */
  readonly patterns: readonly string[];
  readonly news: News;
  readonly hears: boolean;
  /** What happens between the two. */
  readonly meanwhile?: (ann: InterestNode, nodes: Nodes) => Promise<unknown>;
}

const change = { type: 'file_change' } as const;

const scenarios: readonly Row[] = [
  { what: 'a file that a glob matches', patterns: ['auth/**'], news: { path: 'auth/jwt.ts' }, hears: true },
  { what: 'a file elsewhere', patterns: ['auth/**'], news: { path: 'db/x.ts' }, hears: false },
  { what: 'a file deep below', patterns: ['auth/**'], news: { path: 'auth/a/b/c.ts' }, hears: true },
  {
    what: 'a name that only begins alike',
    patterns: ['auth/**'],
    news: { path: 'auth2/jwt.ts' },
    hears: false,
  },
  {
    what: 'context about the directory of a glob',
    patterns: ['auth/**'],
    news: { path: 'auth' },
    hears: true,
  },
  { what: 'a directory around it', patterns: ['src/auth/*.ts'], news: { path: 'src' }, hears: true },
  { what: 'a directory beside it', patterns: ['src/auth/*.ts'], news: { path: 'src/db' }, hears: false },
  {
    what: 'a change in a glob',
    patterns: ['auth/**'],
    news: { path: 'auth/jwt.ts', ...change },
    hears: true,
  },
  { what: 'a change elsewhere', patterns: ['auth/**'], news: { path: 'db/x.ts', ...change }, hears: false },
  { what: 'exactly the file', patterns: ['src/a.ts'], news: { path: 'src/a.ts' }, hears: true },
  { what: 'the sibling of a file', patterns: ['src/a.ts'], news: { path: 'src/b.ts' }, hears: false },
  {
    what: 'a file in a directory',
    patterns: ['src'],
    news: { path: 'src/deep/b.ts', ...change },
    hears: true,
  },
  { what: 'a file beside a directory', patterns: ['src'], news: { path: 'srcs/b.ts' }, hears: false },
  { what: 'a star within a segment', patterns: ['src/*.ts'], news: { path: 'src/a.ts' }, hears: true },
  {
    what: 'a star does not cross a slash',
    patterns: ['src/*.ts'],
    news: { path: 'src/x/a.ts' },
    hears: false,
  },
  { what: 'a question mark', patterns: ['src/?.ts'], news: { path: 'src/a.ts' }, hears: true },
  { what: 'a choice in braces', patterns: ['{auth,db}/*.ts'], news: { path: 'db/x.ts' }, hears: true },
  { what: 'none of the braces', patterns: ['{auth,db}/*.ts'], news: { path: 'ui/x.ts' }, hears: false },
  { what: 'any depth', patterns: ['**/*.sql'], news: { path: 'db/old/x.sql' }, hears: true },
  { what: 'literal brackets', patterns: ['pages/[id].tsx'], news: { path: 'pages/[id].tsx' }, hears: true },
  { what: 'another case', patterns: ['auth/**'], news: { path: 'Auth/jwt.ts' }, hears: false },
  { what: 'unicode', patterns: ['日本/**'], news: { path: '日本/ü🙂.ts' }, hears: true },
  { what: 'unicode of one letter', patterns: ['ü/?.ts'], news: { path: 'ü/🙂.ts' }, hears: true },
  { what: 'the second of several', patterns: ['x/**', 'db'], news: { path: 'db/x.ts' }, hears: true },
  { what: 'the whole project', patterns: ['.'], news: { path: 'any/where.ts', ...change }, hears: true },
  {
    what: 'context about a glob that meets it',
    patterns: ['src/a.ts'],
    news: { path: 'src/*.ts' },
    hears: true,
  },
  {
    what: 'context about a glob that does not',
    patterns: ['src/a.ts'],
    news: { path: 'db/*.ts' },
    hears: false,
  },
  { what: 'another project', patterns: ['auth/**'], news: { path: 'auth/x', project: 'x/y' }, hears: false },
  { what: 'no path', patterns: ['auth/**'], news: {}, hears: true },
  { what: 'the project as a path', patterns: ['auth/**'], news: { path: '.' }, hears: true },
  { what: 'no path in another project', patterns: ['auth/**'], news: { project: 'x/y' }, hears: false },
  { what: 'own news', patterns: ['auth/**'], news: { by: 'ann', path: 'auth/jwt.ts' }, hears: false },
  {
    what: 'news of an own sub-agent',
    patterns: ['auth/**'],
    news: { by: 'ann/sub', path: 'auth/x' },
    hears: false,
  },
  {
    what: 'shortly before the end',
    patterns: ['auth/**'],
    news: { path: 'auth/jwt.ts' },
    hears: true,
    meanwhile: async (_ann, { clock }) => clock.advance(8 * hourMs - 1),
  },
  {
    what: 'after the end, beside another interest',
    patterns: ['auth/**'],
    news: { path: 'auth/jwt.ts' },
    hears: false,
    meanwhile: async (ann, { clock }) => {
      await ann.add('ann', ['db/**'], 100 * hourMs);
      clock.advance(8 * hourMs);
    },
  },
  {
    what: 'after it was taken back, beside another interest',
    patterns: ['auth/**', 'db/**'],
    news: { path: 'auth/jwt.ts' },
    hears: false,
    meanwhile: (ann) => ann.remove('ann', ['auth/**']),
  },
];

describe('an interest lets an agent hear', () => {
  for (const { what, patterns, news, hears, meanwhile } of scenarios) {
    it(`${hears ? '' : 'nothing of '}${what}: ${patterns.join(' ')} and ${news.path ?? 'no path'}`, async () => {
      const nodes = new Nodes();
      const ann = nodes.node('ann');
      await ann.add('ann', patterns);
      await meanwhile?.(ann, nodes);
      assert.deepEqual(await ann.updates('ann'), []);
      await ann.tell(news);
      const kind = news.type === 'file_change' ? 'changed' : 'context';
      assert.deepEqual(await ann.updates('ann'), hears ? [`${kind} ${news.path ?? '.'}`] : []);
      assert.deepEqual(await ann.updates('ann'), [], 'each once');
    });
  }
});

test('an agent without interests hears of all new context, as before; one whose interests have ended again', async () => {
  const nodes = new Nodes();
  const node = nodes.node('n');
  await node.add('ann', ['auth/**'], hourMs);
  await node.tell({ path: 'db/x.ts' });
  assert.deepEqual(await node.updates('new'), ['context db/x.ts']);
  assert.deepEqual(await node.updates('ann'), []);
  nodes.clock.advance(hourMs);
  await node.tell({ path: 'db/y.ts' });
  assert.deepEqual(await node.updates('ann'), ['context db/y.ts']);
});

test('interests stand beside touched files and what is asked for once', async () => {
  const node = new Nodes().node('n');
  await node.add('ann', ['auth/**']);
  const record = node.memory.reach('ann' as AgentId);
  node.memory.concerns(record, app, 'src/mine.ts' as RepoPath);
  for (const path of ['src/mine.ts', 'src/other.ts', 'auth/x.ts', 'db/deep/x.ts'])
    await node.tell({ path, type: 'file_change' });
  assert.deepEqual(await node.updates('ann', ['db']), [
    'changed db/deep/x.ts',
    'changed auth/x.ts',
    'changed src/mine.ts',
  ]);
});

test('what an agent says twice about one path is told once', async () => {
  const node = new Nodes().node('n');
  await node.add('ann', ['auth/**']);
  for (const content of ['same', 'same', 'other']) await node.tell({ path: 'auth/a' }, { content });
  await node.tell({ path: 'auth/b' }, { content: 'same' });
  assert.deepEqual(await node.updates('ann'), ['context auth/b', 'context auth/a', 'context auth/a']);
});

test('each pattern has its own end; one that is asked for again gets a new one, and a repetition writes nothing', async () => {
  const nodes = new Nodes();
  const node = nodes.node('n');
  await node.add('ann', ['a', 'b'], 10 * hourMs);
  await node.add('ann', ['b'], 2 * hourMs);
  const { head } = await nodes.store.stats();
  nodes.clock.advance(0.1 * hourMs);
  const [long, short] = await node.add('ann', ['b'], 2 * hourMs);
  assert.equal((await nodes.store.stats()).head, head);
  assert.deepEqual([long?.patterns, short?.patterns], [['a'], ['b']]);
  nodes.clock.advance(2 * hourMs);
  assert.deepEqual(await node.patterns('ann'), ['a']);
  // Sooner is a new end as well.
  await node.add('ann', ['a'], hourMs);
  nodes.clock.advance(hourMs);
  assert.deepEqual(await node.patterns('ann'), []);
});

test('changes at once do not undo each other', async () => {
  const node = new Nodes().node('n');
  await Promise.all(['a', 'b', 'c'].map((pattern) => node.add('ann', [pattern])));
  await Promise.all([node.remove('ann', ['a']), node.add('ann', ['d'])]);
  assert.deepEqual([...(await node.patterns('ann'))].sort(), ['b', 'c', 'd']);
  assert.deepEqual(await node.remove('ann', ['z']), []);
  assert.deepEqual(await node.remove('ann'), ['b', 'c', 'd']);
  assert.deepEqual(await node.patterns('ann'), []);
});

test('the interests of an agent hold on every node, and each node takes back its own', async () => {
  const nodes = new Nodes();
  const [here, there] = [nodes.node('here'), nodes.node('there')];
  await here.add('ann', ['auth/**']);
  await there.add('ann', ['db/**']);
  assert.deepEqual([...(await here.patterns('ann'))].sort(), ['auth/**', 'db/**']);
  await there.tell({ path: 'auth/x.ts' });
  assert.deepEqual(await there.updates('ann'), ['context auth/x.ts']);
  assert.deepEqual(await there.remove('ann', ['auth/**']), []);
  assert.deepEqual(await here.remove('ann'), ['auth/**']);
  assert.deepEqual(await there.patterns('ann'), ['db/**']);
});

test('a node that starts later reads all of it from the log, however long that is', async () => {
  const nodes = new Nodes();
  const early = nodes.node('early');
  await early.add('old', ['a'], maxInterestMs);
  nodes.clock.advance(maxInterestMs - hourMs);
  await early.add('ann', ['gone']);
  await early.remove('ann');
  await early.add('ann', ['a/**']);
  for (let at = 0; at < 2500; at += 1)
    await early.tell({ path: `src/${at}.ts`, type: at % 2 === 0 ? 'custom' : 'usage' });
  await early.add('ann', ['b/**']);
  const late = nodes.node('late');
  assert.deepEqual(await late.patterns('ann'), ['a/**', 'b/**']);
  assert.deepEqual(await late.patterns('old'), ['a']);
  await early.remove('ann', ['a/**']);
  assert.deepEqual(await late.patterns('ann'), ['b/**']);
});

test('what is over a limit is refused', async () => {
  const node = new Nodes().node('n');
  const many = Array.from({ length: 33 }, (_, at) => `f${at}`);
  await assert.rejects(node.add('ann', many), code('INVALID_ARGUMENT'));
  await node.add('ann', many.slice(0, 32));
  await assert.rejects(node.add('ann', ['f32']), /33 interests in this project, at most 32/);
  await node.add('ann', ['f31']);
  for (const pattern of ['', `${'{a,b}'.repeat(7)}`, `${'x*'.repeat(600)}`])
    await assert.rejects(node.add('bob', [pattern]), code('INVALID_ARGUMENT'), pattern);
  for (const lifeMs of [0, -1, Number.NaN, maxInterestMs + 1, Number.POSITIVE_INFINITY])
    await assert.rejects(node.add('bob', ['a'], lifeMs), code('INVALID_ARGUMENT'), String(lifeMs));
});

test('a malformed interest of another node is left out, and none lives longer than it may', async () => {
  const nodes = new Nodes();
  const node = nodes.node('n');
  const far = Number.MAX_SAFE_INTEGER;
  const payloads: readonly Readonly<Record<string, unknown>>[] = [
    { kind: 'interest' },
    { kind: 'interest', patterns: 'auth/**' },
    { kind: 'interest', patterns: [null, 5, {}, { pattern: 'x' }, { pattern: '', expiresAtMs: far }] },
    { kind: 'interest', patterns: [{ pattern: 'x'.repeat(5000), expiresAtMs: far }] },
    { kind: 'interest', patterns: [{ pattern: 'x', expiresAtMs: 'soon' }] },
    { kind: 'other', patterns: [{ pattern: 'x', expiresAtMs: far }] },
  ];
  for (const [at, payload] of payloads.entries()) {
    await node.deltas.append(
      { agent: `evil${at}` as AgentId, project: app, type: 'custom', payload },
      'accepted',
    );
    assert.deepEqual(await node.patterns(`evil${at}`), []);
  }
  const endless = { kind: 'interest', patterns: [{ pattern: 'x', expiresAtMs: far }] };
  await node.deltas.append(
    { agent: 'evil' as AgentId, project: app, type: 'custom', payload: endless },
    'accepted',
  );
  assert.deepEqual(await node.patterns('evil'), ['x']);
  nodes.clock.advance(maxInterestMs);
  assert.deepEqual(await node.patterns('evil'), []);
});
