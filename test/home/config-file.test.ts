import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { loadConfig, updateConfig } from '../../src/home/config-file.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { jsonErrorOffset } from '../../src/home/json-document.ts';
import { resetSetting, setSetting } from '../../src/home/settings.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { scratchDirectory } from './home-fixture.ts';

function homeWith(text: string | Uint8Array) {
  const paths = homePaths(scratchDirectory());
  writeFileSync(paths.config, text);
  return paths;
}

async function refusal(promise: Promise<unknown>): Promise<CollabError> {
  const error = await promise.then(
    () => assert.fail('was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CollabError, String(error));
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.ok(error.next);
  return error;
}

test('without a file every setting has its default and no file is made', async () => {
  const paths = homePaths(scratchDirectory());
  const { config, warnings, raw } = await loadConfig(paths);
  assert.equal(config.locks.defaultTtlMs, 120_000);
  assert.deepEqual([warnings, raw, readdirSync(paths.root)], [[], {}, []]);
});

test('reads the config of the older program, a byte order mark included', async () => {
  const text = '\uFEFF{"project_name":"demo","data_dir":"/old","listen_port":0,"bootstrap":[],"port":4000}';
  const { config, warnings } = await loadConfig(homeWith(text));
  assert.equal(config.port, 4000);
  assert.equal(warnings.length, 1);
});

test('what is not JSON is refused with line and column', async () => {
  const cases: Readonly<Record<string, string>> = {
    '{\n  "port": 1,\n  "x" 2\n}': 'line 3, column 7: unexpected "2"',
    '{\n  "port": 1,\n}': 'line 3, column 1: unexpected "}"',
    '{"port": 1': 'line 1, column 11: it ends too early',
    '': 'line 1, column 1: it ends too early',
    nope: 'line 1, column 1: unexpected "n"',
    '{} x': 'line 1, column 4: unexpected "x"',
    '{\n// comment\n}': 'line 2, column 1: unexpected "/"',
  };
  for (const [text, place] of Object.entries(cases)) {
    const paths = homeWith(text);
    const error = await refusal(loadConfig(paths));
    assert.equal(error.message, `${paths.config} is not JSON at ${place}`);
  }
});

test('a file that is no object, no text, too large or a directory is refused', async () => {
  for (const text of ['[]', 'null', '5', '"x"']) {
    assert.match((await refusal(loadConfig(homeWith(text)))).message, /must hold a JSON object/);
  }
  assert.match((await refusal(loadConfig(homeWith(Uint8Array.of(0x7b, 0xff, 0x7d))))).message, /not UTF-8/);
  assert.match((await refusal(loadConfig(homeWith(' '.repeat(2 ** 20 + 1))))).message, /bytes long/);
  assert.match((await refusal(loadConfig(homeWith('['.repeat(500_000))))).message, /ends too early/);
  const paths = homePaths(scratchDirectory());
  mkdirSync(paths.config);
  assert.match((await refusal(loadConfig(paths))).message, /EISDIR/);
});

test('a wrong value is refused by the name of the file', async () => {
  const paths = homeWith('{"port":"x"}');
  assert.equal(
    (await refusal(loadConfig(paths))).message,
    `${paths.config}: port must be integer 0–65535, found "x"`,
  );
});

test('an update keeps unknown keys and their order, 0600, and leaves nothing beside it', async () => {
  const paths = homeWith('{"zebra":[1,{"b":2}],"port":1,"alpha":null}');
  await updateConfig(paths, (raw) => setSetting(raw, 'port', '2'));
  assert.equal(
    readFileSync(paths.config, 'utf8'),
    `${JSON.stringify({ zebra: [1, { b: 2 }], port: 2, alpha: null }, null, 2)}\n`,
  );
  assert.equal(statSync(paths.config).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(paths.root), ['config.json']);
  const fresh = homePaths(scratchDirectory());
  await updateConfig(fresh, (raw) => setSetting(raw, 'logLevel', 'warn'));
  assert.equal((await loadConfig(fresh)).config.logLevel, 'warn');
});

test('an update that would not load is not written', async () => {
  const text = '{"port":1}';
  const paths = homeWith(text);
  await refusal(updateConfig(paths, (raw) => setSetting(raw, 'port', 'x')));
  await refusal(updateConfig(paths, (raw) => ({ ...raw, port: 'x' })));
  assert.equal(readFileSync(paths.config, 'utf8'), text);
});

test('a file with two faults is repaired one at a time', async () => {
  const paths = homeWith('{"port":"x","logLevel":"y"}');
  await refusal(updateConfig(paths, (raw) => setSetting(raw, 'locks.rateBurst', '5')));
  await updateConfig(paths, (raw) => resetSetting(raw, 'port'));
  await refusal(loadConfig(paths));
  await updateConfig(paths, (raw) => setSetting(raw, 'logLevel', 'warn'));
  assert.deepEqual((await loadConfig(paths)).raw, { logLevel: 'warn' });
});

test('finds a fault in exactly the texts in which JSON.parse finds one', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const parts = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9"',
    '"\\x"',
    '"',
    '0',
    '01',
    '-1.5e3',
    '1.',
    'true',
    'nul',
    'null',
    ' ',
    '\n',
    '\u0001',
    '\u00a0',
    '\\',
  ];
  const wellFormed = (depth: number): string => {
    const kind = depth > 4 ? 0 : random.int(0, 2);
    if (kind === 0) return random.pick(['1', '-0', '"x\\n"', 'true', 'null', '1e9', '""', '{}', '[ ]']);
    const items = Array.from({ length: random.int(0, 3) }, () => wellFormed(depth + 1));
    return kind === 1 ? `[${items.join(' , ')}]` : `{${items.map((it) => `"k":${it}`).join(',')}}`;
  };
  let valid = 0;
  for (let i = 0; i < 30_000; i++) {
    let text = random.chance(0.5)
      ? wellFormed(0)
      : Array.from({ length: random.int(0, 8) }, () => random.pick(parts)).join('');
    if (random.chance(0.3))
      text =
        text.slice(0, random.int(0, text.length)) +
        random.pick(parts) +
        text.slice(random.int(0, text.length));
    const offset = jsonErrorOffset(text);
    let parses = true;
    try {
      JSON.parse(text);
    } catch {
      parses = false;
    }
    valid += Number(parses);
    assert.equal(offset === undefined, parses, `TEST_SEED=${seed} ${JSON.stringify(text)}`);
    assert.ok(offset === undefined || (offset >= 0 && offset <= text.length));
  }
  assert.ok(valid > 5000);
});
