import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { maxDeltaBytes } from '../../src/base/limits.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import {
  collectionText,
  type LegacyDocumentSample,
  sampleDocuments,
  sampleKey,
  writeLegacyHome,
} from './legacy-home.ts';
import {
  contextsOf,
  emptyHome,
  legacyOf,
  logOf,
  migrate,
  migrated,
  sha256,
  startedMs,
} from './migrate-fixture.ts';

/** Migrates one collection of these documents; the payloads that they became. */
async function importOf(home: string, documents: readonly LegacyDocumentSample[]) {
  writeLegacyHome(home, { documents });
  const { report } = await migrated(home);
  return { report, contexts: await contextsOf(home) };
}

test('each vector becomes one context delta of the node, oldest first, with content, path and metadata', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const { report, project } = await migrated(home);
  const deltas = await logOf(home);
  assert.deepEqual(
    deltas.map(({ source, seq, type, project: of, agent }) => ({ source, seq, type, of, agent })),
    [1, 2, 3].map((seq) => ({
      source: sampleKey.nodeId,
      seq,
      type: 'context',
      of: 'name:demo',
      agent: seq === 1 ? 'alice' : 'legacy',
    })),
  );
  assert.deepEqual(deltas[0]?.payload, {
    path: 'src/f0.go',
    tags: ['a', 'b'],
    content: 'JWT validation added to <auth>',
    metadata: {
      agent: 'alice',
      tags: ['a', 'b'],
      legacy: {
        id: 'doc-c8c4f930a20369fd',
        collection: 'default',
        file_path: 'src/f0.go',
        hash: 'c8c4f930a20369fdc4babd35d61bfacc',
        created_at: '2026-11-23T17:04:36.692820899+09:00',
        updated_at: '2026-11-23T17:04:36.692820899+09:00',
      },
    },
  });
  assert.deepEqual(
    deltas.map(({ payload }) => payload.content),
    ['JWT validation added to <auth>', 'connection pool leak fixed', '커넥션 풀 수정 & 정리'],
  );
  assert.deepEqual(project, { id: 'name:demo', name: 'demo', via: 'name', root: null });
  const { contexts, metrics, node, newIdentity, dimensions, head } = report;
  assert.deepEqual(
    { contexts, metrics, node, newIdentity, dimensions, head },
    {
      contexts: 3,
      metrics: { files: 1, records: 5, badLines: 0, tokens: 60 },
      node: sampleKey.nodeId,
      newIdentity: false,
      dimensions: [8],
      head: 3,
    },
  );
});

test('files of the older program stay as they are, byte for byte', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const names = ['vectors/default.json', 'metrics/usage_2026-11-23.jsonl', 'key.json', 'config.json'];
  const before = names.map((name) => sha256(join(home, name)));
  await migrated(home);
  assert.deepEqual(
    names.map((name) => sha256(join(home, name))),
    before,
  );
});

test('a second start does nothing, and the same directory gives the same log byte for byte', async (t) => {
  const [one, two] = [emptyHome(t), emptyHome(t)];
  const sums: string[] = [];
  for (const home of [one, two]) {
    writeLegacyHome(home);
    const first = await migrated(home);
    const log = join(homePaths(home).deltaStore, 'data.mdb');
    sums.push(sha256(log));
    assert.deepEqual(await migrate(home), { outcome: 'already', migration: first });
    assert.equal(sha256(log), sums.at(-1));
  }
  assert.equal(sums[0], sums[1]);
});

test('a content that is JSON around a text is imported as the text, one that only looks so stays', async (t) => {
  const { report, contexts } = await importOf(emptyHome(t), [
    { id: 'a', content: 'the text', filePath: 'x.go' },
    { id: 'b', content: '{"content":"the text"}', filePath: 'x.go' },
    { id: 'c', content: '{"content":"the text","and":1}' },
    { id: 'd', content: '{"content":5}' },
    { id: 'e', content: '{broken' },
    { id: 'f', content: ' {"content":"in blanks"}\n' },
  ]);
  assert.deepEqual(
    contexts.map(({ content }) => content),
    ['the text', 'the text', '{"content":"the text","and":1}', '{"content":5}', '{broken', 'in blanks'],
  );
  assert.deepEqual([report.unwrapped, report.duplicates], [2, 1]);
  const [, second] = contexts;
  assert.equal(legacyOf(second).duplicate_of, 'a');
});

test('paths become relative to the project, wherever the directory was when they were written', async (t) => {
  const home = emptyHome(t);
  const repository = join(home, '..', 'demo');
  mkdirSync(join(repository, '.git'), { recursive: true });
  writeFileSync(join(repository, '.git', 'HEAD'), 'ref: refs/heads/main\n');
  const paths: readonly (readonly [string, string])[] = [
    ['src/a.go', 'src/a.go'],
    ['./src//b/../a.go', 'src/a.go'],
    ['src\\win.go', 'src/win.go'],
    [join(repository, 'src/c.go'), 'src/c.go'],
    ['/old/machine/work/demo/src/d.go', 'src/d.go'],
    ['C:\\work\\demo\\src\\e.go', 'src/e.go'],
    ['a\u0308.go', '\u00e4.go'],
    ['two words/f g.go', 'two words/f g.go'],
    ['/elsewhere/g.go', 'vectors/default/7'],
    ['../up.go', 'vectors/default/8'],
    ['.git/config', 'vectors/default/9'],
    [`${'x'.repeat(300)}.go`, 'vectors/default/10'],
    ['nul\u0000.go', 'vectors/default/11'],
    ['\ud83d.go', 'vectors/default/12'],
    ['', 'vectors/default/13'],
  ];
  const documents = paths.map(([filePath], at) => ({ id: String(at - 1), content: `text ${at}`, filePath }));
  writeLegacyHome(home, { documents });
  const { project } = await migrated(home, { projectDirectory: repository });
  assert.deepEqual([project.via, project.root], ['directory', repository]);
  const byContent = new Map((await contextsOf(home)).map(({ content, path }) => [content, path]));
  for (const [at, [from, to]] of paths.entries()) {
    const expected = to.startsWith('vectors/') ? `vectors/default/${at - 1}` : to;
    assert.equal(byContent.get(`text ${at}`), from === '\ud83d.go' ? '\ufffd.go' : expected, from);
  }
});

test('a context over the limit of a delta loses its metadata, then its end, and says so', async (t) => {
  const long = 'ä€😀 '.repeat(40_000);
  const deep = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) as Record<string, unknown>;
  const hugeName = 'n'.repeat(maxDeltaBytes * 2);
  const { report, contexts } = await importOf(emptyHome(t), [
    { id: 'content', content: long, metadata: { keep: true } },
    { id: 'deep', content: 'deep', metadata: deep },
    { id: 'metadata', content: 'short', metadata: { blob: 'x'.repeat(maxDeltaBytes) } },
    {
      id: hugeName,
      content: 'huge id',
      filePath: hugeName,
      collection: hugeName,
      more: { language: hugeName },
    },
  ]);
  assert.equal(report.cut, 4);
  const [content, deepOne, metadata, huge] = ['ä€', 'deep', 'short', 'huge id'].map((start) =>
    contexts.find((it) => String(it.content).startsWith(start)),
  );
  const text = String(content?.content);
  assert(text.length > 60_000 && !text.includes('\ufffd'));
  assert.match(
    text,
    /\[cut by agent-collab migrate: the whole text of \d+ bytes is in vectors\/default\.json, document content\]$/,
  );
  const { whole_bytes, metadata_dropped } = legacyOf(content);
  assert.deepEqual([whole_bytes, metadata_dropped], [Buffer.byteLength(long), 1]);
  assert.equal(deepOne?.content, 'deep');
  assert.equal(metadata?.content, 'short');
  assert.equal(Object.hasOwn(legacyOf(metadata), 'whole_bytes'), false);
  assert.equal(huge?.content, 'huge id');
});

test('imported deltas carry the time of the migration, rising, and their own times stay in their metadata', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  await migrated(home);
  const times = (await logOf(home)).map(({ time }) => time);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(times).size, 3);
  const status = await migrationStatus(home);
  assert.equal(status.state, 'completed');
  assert.equal(status.migration?.startedAt, new Date(startedMs).toISOString());
});

test('contexts are ordered by collection and by their age to the nanosecond, whatever zone it is told in', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const zone = '2026-11-23T10:04:36.692820899+02:00';
  writeFileSync(
    join(home, 'vectors', 'another.json'),
    collectionText('another', [
      ...sampleDocuments,
      { id: 'later', content: 'later', createdAt: '2026-11-23T17:04:36.7+09:00' },
      { id: 'zone', content: 'one nanosecond earlier', createdAt: zone.replace('899', '898') },
      { id: 'never', content: 'no time at all', createdAt: 'yesterday' },
    ]),
  );
  await migrated(home);
  const legacy = (await contextsOf(home)).map(legacyOf);
  assert.deepEqual(
    legacy.map(({ collection, id }) => `${collection}/${String(id).slice(0, 6)}`),
    [
      'another/never',
      'another/zone',
      'another/doc-c8',
      'another/doc-1f',
      'another/doc-45',
      'another/later',
      'default/doc-c8',
      'default/doc-1f',
      'default/doc-45',
    ],
  );
});

test('the state holds what was found in a form that people can read', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  mkdirSync(join(home, 'backup_20261123_170436'));
  writeFileSync(join(home, 'badger', 'delta', '000001.vlog'), 'not empty');
  writeFileSync(join(home, 'notes.txt'), 'mine');
  const { report } = await migrated(home);
  assert.deepEqual(report.kept, [
    { path: '.migration_completed', why: 'a marker of the older program' },
    { path: 'backup_20261123_170436', why: 'a backup that the older program made' },
    { path: 'badger', why: '1 file of 9 bytes, not imported' },
    { path: 'notes.txt', why: 'not known to this program' },
  ]);
  assert.deepEqual(report.warnings, [
    'data_dir in the settings is ignored: it names /somewhere/else/.agent-collab.',
  ]);
  assert.match(readFileSync(join(home, 'migration.json'), 'utf8'), /\n {2}"state": "completed",\n/);
});
