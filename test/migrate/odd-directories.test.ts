import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree } from '../../src/backup/copy-tree.ts';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import { rollbackMigration } from '../../src/migrate/rollback-migration.ts';
import {
  collectionText,
  goJson,
  legacyConfig,
  metricLine,
  sampleDocuments,
  sampleKey,
  writeKey,
  writeLegacyHome,
} from './legacy-home.ts';
import {
  code,
  contentsOf,
  contextsOf,
  emptyHome,
  legacyOf,
  logOf,
  migrate,
  migrated,
  scratch,
} from './migrate-fixture.ts';

/** Of what a migration makes beside backups/. */
const ours = ['lmdb', 'migration.json', 'daemon.lock', 'key.json'];

test('many vectors of mixed dimensions become as many contexts, in memory of a fixed size', async (t) => {
  const home = emptyHome(t);
  const count = Number(process.env.MIGRATION_VECTORS ?? 1500);
  const sizes = [8, 384, 3, 1536, 0];
  const documents = Array.from({ length: count }, (_, at) => ({
    id: `doc-${at}`,
    content: `context ${at} of ${count}`,
    dimension: at % 50 === 0 ? (sizes[(at / 50) % sizes.length] ?? 0) : 12,
    createdAt: new Date(1_700_000_000_000 + at * 1000).toISOString(),
  }));
  writeLegacyHome(home, { documents });
  const seen: string[] = [];
  const before = process.memoryUsage().rss;
  const { report } = await migrated(home, {
    onProgress: ({ step, done, total }) => {
      assert(done <= total, `${step}: ${done} of ${total}`);
      if (seen.at(-1) !== step) seen.push(step);
    },
  });
  assert(process.memoryUsage().rss - before < 200e6);
  assert.deepEqual(seen, ['look', 'backup', 'import', 'place']);
  assert.deepEqual([report.contexts, report.head, report.skippedCount], [count, count, 0]);
  assert.deepEqual(report.dimensions, [0, 3, 8, 12, 384, 1536]);
  const log = await logOf(home);
  assert.deepEqual(
    log.map(({ payload }) => payload.content),
    documents.map(({ content }) => content),
  );
});

test('a hundred files of metrics are counted in place, torn and unordered lines and files that are none too', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const metrics = join(home, 'metrics');
  let records = 5;
  for (let day = 0; day < 100; day++) {
    const date = new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10);
    const lines = [metricLine(3, { metadata: { to: '<x>' } }), metricLine(1), '', metricLine(2)];
    const torn = day % 2 === 0 ? metricLine(9).slice(0, 20 + day) : metricLine(4);
    const bad = [
      '{"id":"rec-1"}',
      'null',
      '[]',
      '{"id":"a","tokens":"5","timestamp":"2026-01-01T00:00:00Z"}',
      '\0'.repeat(200),
    ];
    writeFileSync(join(metrics, `usage_${date}.jsonl`), [...lines, ...bad, torn].join('\n'));
    records += day % 2 === 0 ? 3 : 4;
  }
  writeFileSync(join(metrics, 'usage_2027-01-01.jsonl'), Buffer.alloc(3 * 2 ** 20));
  writeFileSync(join(metrics, 'usage_2027-01-02.jsonl'), `\r\n${metricLine(7)}\r\n`);
  mkdirSync(join(metrics, 'usage_2027-01-03.jsonl'));
  symlinkSync('nowhere', join(metrics, 'usage_2027-01-04.jsonl'));
  execFileSync('mkfifo', [join(metrics, 'usage_2027-01-05.jsonl')]);
  writeFileSync(join(metrics, 'usage_2026-01-01.jsonl.bak'), metricLine(1));
  const before = await contentsOf(home, ours);
  const { report } = await migrated(home);
  assert.deepEqual(report.metrics, {
    files: 106,
    records: records + 1,
    badLines: 551,
    tokens: report.metrics.tokens,
  });
  assert.deepEqual(
    report.skipped.map(({ file, why }) => `${file}: ${why}`),
    [
      'usage_2027-01-03.jsonl: it cannot be read (EISDIR)',
      'usage_2027-01-04.jsonl: it cannot be read (ENOENT)',
      'usage_2027-01-05.jsonl: it cannot be read (EINVAL)',
    ],
  );
  assert.deepEqual(await contentsOf(home, ours), before);
});

test('config.yaml alone names the project, and a config.json is made of it that a rollback takes away', async (t) => {
  for (const name of ['config.yaml', 'config.yml']) {
    const home = emptyHome(t);
    writeFileSync(
      join(home, name),
      '# by hand\nProject_Name: "Größe"\ndata_dir: /elsewhere\nlisten_port: 0\n',
    );
    const before = await contentsOf(home);
    const { project, report } = await migrated(home);
    assert.equal(project.id, 'name:Größe');
    assert.deepEqual(JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')), { project_name: 'Größe' });
    assert.deepEqual(report.warnings, ['data_dir in the settings is ignored: it names /elsewhere.']);
    assert.deepEqual([report.contexts, report.newIdentity], [0, true]);
    await rollbackMigration({ home });
    assert.deepEqual(await contentsOf(home), before);
  }
});

test('settings that cannot be read are no reason to leave the contexts behind', async (t) => {
  const cases: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['config.json', '{"project_name": "demo",', /is not JSON/],
    ['config.json', Buffer.from([0xff, 0xfe, 0x7b]), /is not UTF-8/],
    ['config.json', '{"project_name":5,"port":"many"}', /port must be/],
    ['config.yaml', 'a: [1\nb: {', /^config\.yaml cannot be read: /],
    ['config.yaml', '- a\n- b\n', /^config\.yaml holds no settings/],
    [
      'config.yaml',
      `a: &a [x,x]\n${'b: [*a,*a,*a]\n'.replaceAll('b', 'c')}`.repeat(3),
      /^config\.yaml cannot be read: /,
    ],
    ['config.yaml', 'x'.repeat(2 * 2 ** 20), /^config\.yaml cannot be read: it has \d+ bytes/],
  ];
  for (const [name, text, expected] of cases) {
    const home = emptyHome(t);
    writeLegacyHome(home);
    rmSync(join(home, 'config.json'));
    writeFileSync(join(home, name), text);
    const { report, project } = await migrated(home);
    assert.equal(report.contexts, 3);
    assert.match(report.warnings.join('\n'), expected, `${name}: ${String(text).slice(0, 30)}`);
    assert.equal(project.id, 'name:unnamed');
  }
});

test('the directory may lie elsewhere than its settings say, and have been moved since', async (t) => {
  const first = emptyHome(t);
  writeLegacyHome(first);
  const home = join(scratch(t), 'a new machine');
  renameSync(first, home);
  writeFileSync(join(home, 'config.json'), goJson({ ...legacyConfig, data_dir: first }));
  const { report } = await migrated(home);
  assert.deepEqual([report.contexts, report.node], [3, sampleKey.nodeId]);
  assert.equal(existsSync(first), false);
});

test('a stale socket and a stale pid are no daemon, and are not touched before a daemon starts', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  writeFileSync(join(home, 'daemon.pid'), `${2 ** 30}\n`);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(home, 'daemon.sock'), resolve));
  renameSync(join(home, 'daemon.sock'), join(home, 'kept'));
  await new Promise((resolve) => server.close(resolve));
  renameSync(join(home, 'kept'), join(home, 'daemon.sock'));
  const { report } = await migrated(home);
  assert.deepEqual(
    report.kept.slice(1).map(({ path }) => path),
    ['daemon.pid', 'daemon.sock'],
  );
  assert.deepEqual(
    [existsSync(join(home, 'daemon.sock')), existsSync(join(home, 'daemon.pid'))],
    [true, true],
  );
  await rollbackMigration({ home });
  assert.equal(existsSync(join(home, 'daemon.pid')), true);
});

test('files of any name are read, and links are followed as the older program followed them', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const elsewhere = join(scratch(t), 'elsewhere');
  mkdirSync(elsewhere);
  const put = (path: string | Buffer, id: string) =>
    writeFileSync(path, collectionText('c', [{ id, content: `text of ${id}` }]));
  const vectors = join(home, 'vectors');
  for (const name of ['two words', 'a\u0308', '\u00e4', 'line\nfeed', '-rf', '日本'])
    put(join(vectors, `${name}.json`), name);
  put(Buffer.concat([Buffer.from(`${vectors}/f`), Buffer.from([0xfc]), Buffer.from('r.json')]), 'latin');
  put(join(elsewhere, 'target.json'), 'linked');
  symlinkSync(join(elsewhere, 'target.json'), join(vectors, 'link.json'));
  symlinkSync(join(elsewhere, 'missing.json'), join(vectors, 'dangling.json'));
  mkdirSync(join(vectors, 'directory.json'));
  execFileSync('mkfifo', [join(vectors, 'fifo.json')]);
  put(join(vectors, '.hidden.json'), 'hidden');
  put(join(vectors, 'backup.json.bak'), 'backup');
  const before = await contentsOf(home, ours);
  const { report } = await migrated(home);
  const byId = new Map((await contextsOf(home)).map((it) => [legacyOf(it).id, legacyOf(it).collection]));
  assert.equal(byId.size, 3 + 8);
  for (const id of ['two words', 'a\u0308', '\u00e4', 'line\nfeed', '-rf', '日本'])
    assert.equal(byId.get(id), id);
  assert.deepEqual([byId.get('latin'), byId.get('linked')], ['f\ufffdr', 'link']);
  assert.deepEqual(
    report.skipped.map(({ file, why }) => `${file}: ${why}`),
    [
      'dangling.json: it cannot be read (ENOENT)',
      'directory.json: it cannot be read (EISDIR)',
      'fifo.json: it cannot be read (EINVAL)',
    ],
  );
  assert.deepEqual(await contentsOf(home, ours), before);
});

test('vectors that lie behind a link are imported and stay, and the link stays one', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const elsewhere = join(scratch(t), 'vectors elsewhere');
  renameSync(join(home, 'vectors'), elsewhere);
  symlinkSync(elsewhere, join(home, 'vectors'));
  const before = await contentsOf(home);
  assert.equal((await migrated(home)).report.contexts, 3);
  assert.deepEqual(readdirSync(elsewhere), ['default.json']);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
  symlinkSync('loop', join(home, 'loop'));
  rmSync(join(home, 'vectors'));
  symlinkSync('nowhere', join(home, 'vectors'));
  assert.equal((await migrated(home)).report.contexts, 0);
});

test('the data directory itself may be a link', async (t) => {
  const real = emptyHome(t);
  writeLegacyHome(real);
  const home = join(scratch(t), 'link');
  symlinkSync(real, home);
  const before = await contentsOf(real);
  assert.equal((await migrated(home)).report.contexts, 3);
  assert.equal((await logOf(real)).length, 3);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(real), before);
});

test('without a key one is made, and an identity in the older format stays the same', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home, { key: false });
  const { report, newIdentity } = await migrated(home);
  assert.deepEqual([newIdentity, report.newIdentity], [true, true]);
  assert.match(report.node, /^12D3KooW/);
  const other = emptyHome(t);
  writeLegacyHome(other);
  // With what another version may have added, in another order and spelling.
  const { type, private_key, peer_id } = JSON.parse(readFileSync(join(other, 'key.json'), 'utf8')) as Record<
    string,
    string
  >;
  writeFileSync(
    join(other, 'key.json'),
    `\ufeff${JSON.stringify({ created: 'then', peer_id, private_key, type })}`,
  );
  assert.equal((await migrated(other)).report.node, sampleKey.nodeId);
});

test('a key that cannot be read stops a migration before anything is written', async (t) => {
  for (const text of ['', '{}', '{"type":"RSA"}', '{"type":"Ed25519","private_key":"AAAA","peer_id":"x"}']) {
    const home = emptyHome(t);
    writeLegacyHome(home);
    writeFileSync(join(home, 'key.json'), text);
    const before = await contentsOf(home);
    await assert.rejects(() => migrate(home), code('KEY_INVALID'));
    assert.deepEqual(await contentsOf(home), before);
    assert.equal(existsSync(join(home, 'backups')), false);
  }
  const home = emptyHome(t);
  writeLegacyHome(home, { key: false });
  symlinkSync('nowhere', join(home, 'key.json'));
  await assert.rejects(() => migrate(home), code('KEY_INVALID'));
});

test('an empty directory, one of this version and one that is not there hold nothing to migrate', async (t) => {
  const home = emptyHome(t);
  assert.equal((await migrate(home)).outcome, 'nothing');
  assert.deepEqual(readdirSync(home), []);
  writeKey(home);
  writeFileSync(join(home, 'config.json'), '{"port":0}');
  assert.equal((await migrate(home)).outcome, 'nothing');
  assert.deepEqual(readdirSync(home).toSorted(), ['config.json', 'key.json']);
  const missing = join(home, 'missing');
  assert.equal((await migrate(missing)).outcome, 'nothing');
  assert.equal((await migrationStatus(missing)).state, 'none');
  assert.equal(existsSync(missing), false);
});

test('each thing that the older program left alone tells that it was here', async (t) => {
  const left: Readonly<Record<string, (home: string) => void>> = {
    'config.json': (home) => writeFileSync(join(home, 'config.json'), goJson({ bootstrap: [] })),
    'wireguard.json': (home) => writeFileSync(join(home, 'wireguard.json'), '{}'),
    '.migration_failed': (home) => writeFileSync(join(home, '.migration_failed'), 'x'),
    'badger/': (home) => mkdirSync(join(home, 'badger')),
    'metrics/': (home) => {
      mkdirSync(join(home, 'metrics'));
      writeFileSync(join(home, 'metrics', 'usage_2026-01-01.jsonl'), `${metricLine(1)}\n`);
    },
    'vectors/': (home) => {
      mkdirSync(join(home, 'vectors'));
      writeFileSync(join(home, 'vectors', 'x.json'), collectionText('x', sampleDocuments));
    },
  };
  for (const [what, write] of Object.entries(left)) {
    const home = emptyHome(t);
    write(home);
    assert.equal((await migrationStatus(home)).state, 'possible', what);
    assert.equal((await migrate(home)).outcome, 'migrated', what);
  }
});

test('a directory with read-only parts is migrated and rolled back as it was', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  chmodSync(join(home, 'vectors', 'default.json'), 0o400);
  chmodSync(join(home, 'vectors'), 0o500);
  t.after(() => removeTree(home));
  const before = await contentsOf(home);
  assert.equal((await migrated(home)).report.contexts, 3);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});
