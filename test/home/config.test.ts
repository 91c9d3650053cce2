import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import {
  configIssues,
  describeSettings,
  resolveConfig,
  settingKeys,
  valueAt,
} from '../../src/home/config.ts';
import type { JsonDocument } from '../../src/home/json-document.ts';
import { getSetting, resetSetting, setSetting } from '../../src/home/settings.ts';

const resolve = (raw: JsonDocument) => resolveConfig(raw, 'config.json');

function refusal(action: () => unknown): CollabError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof CollabError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.ok(error.next);
    return error;
  }
  return assert.fail('was accepted');
}

test('an empty document gives the defaults of the specification, frozen through and through', () => {
  const { config, warnings } = resolve({});
  assert.deepEqual(config, {
    port: 0,
    enforce: 'open',
    logLevel: 'info',
    locks: {
      defaultTtlMs: 120_000,
      maxTtlMs: 3_600_000,
      ratePerSecond: 50,
      rateBurst: 200,
      ageingMs: 10_000,
      partition: 'local',
    },
    deltas: { ringCapacity: 10_000 },
    context: { secrets: 'redact' },
    storage: { retentionDays: 30, retentionBytes: null, maxBytes: null, mapSizeBytes: 64 * 1024 ** 3 },
    audit: { retentionDays: 90 },
    usage: { monthlyBudget: null, pricesFile: '' },
    search: { provider: 'offline', model: '', url: '' },
    peers: { name: '', listen: '0.0.0.0', port: 0, doorPort: 0, mdns: true, behindNat: false },
  });
  assert.deepEqual(warnings, []);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.locks));
});

test('every setting is described with a default that is its own and lies in its range', () => {
  const { config } = resolve({});
  const described = describeSettings();
  assert.deepEqual(
    described.map((it) => it.key),
    settingKeys,
  );
  assert.equal(described.length, 27);
  for (const { key, type, default: value, summary } of described) {
    assert.deepEqual(value, valueAt(config as JsonDocument, key), key);
    assert.ok(type !== 'value' && summary.length > 10, key);
    assert.deepEqual(configIssues(setSetting({}, key, JSON.stringify(value))), [], key);
  }
  const typeOf = Object.fromEntries(described.map((it) => [it.key, it.type]));
  assert.equal(typeOf.port, 'integer 0–65535');
  assert.equal(typeOf.logLevel, 'debug | info | warn | error');
  assert.equal(typeOf['storage.maxBytes'], 'integer from 16777216, or null');
});

test('a wrong type, range or word is refused by file, key, what was expected and what was found', () => {
  const cases: readonly (readonly [JsonDocument, string])[] = [
    [{ port: '80' }, 'config.json: port must be integer 0–65535, found "80"'],
    [{ port: 65_536 }, 'config.json: port must be integer 0–65535, found 65536'],
    [{ port: 1.5 }, 'config.json: port must be integer 0–65535, found 1.5'],
    [{ port: null }, 'config.json: port must be integer 0–65535, found null'],
    [{ logLevel: 'on' }, 'config.json: logLevel must be debug | info | warn | error, found "on"'],
    [{ locks: { rateBurst: 0 } }, 'config.json: locks.rateBurst must be integer 1–1000000, found 0'],
    [{ locks: [] }, 'config.json: locks must be object, found []'],
    [{ locks: null }, 'config.json: locks must be object, found null'],
    [{ storage: 5 }, 'config.json: storage must be object, found 5'],
    [
      { storage: { maxBytes: 5 } },
      'config.json: storage.maxBytes must be integer from 16777216, or null, found 5',
    ],
    [{ port: -1, logLevel: 'x' }, 'config.json: port must be integer 0–65535, found -1 (and 1 more)'],
    [
      { locks: { maxTtlMs: 60_000 } },
      'config.json: locks.defaultTtlMs must be a value up to locks.maxTtlMs, found nothing',
    ],
  ];
  for (const [raw, message] of cases) {
    const error = refusal(() => resolve(raw));
    assert.equal(error.message, message);
    assert.match(error.next ?? '', /config reset/);
  }
});

test('keys of the older program pass without a word, except data_dir', () => {
  const legacy = { project_name: 'demo', data_dir: '/old', listen_port: 0, listen_addrs: ['/ip4/127.0.0.1'] };
  const { warnings } = resolve({
    ...legacy,
    bootstrap: [],
    bootstrap_peer: '',
    wireguard: { private_key: 'x' },
  });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /data_dir is ignored.*AGENT_COLLAB_HOME/);
});

test('an unknown key is warned about, with the one that was probably meant', () => {
  const raw = { Port: 1, lock: {}, locks: { maxTtl: 5, burst: 1 }, wholly_other: 1, constructor: 1 };
  assert.deepEqual(resolve(raw).warnings, [
    '"Port" is not a setting and is ignored (did you mean "port"?).',
    '"lock" is not a setting and is ignored (did you mean "locks"?).',
    '"locks.maxTtl" is not a setting and is ignored (did you mean "locks.maxTtlMs"?).',
    '"locks.burst" is not a setting and is ignored.',
    '"wholly_other" is not a setting and is ignored.',
    '"constructor" is not a setting and is ignored.',
  ]);
});

test('set changes one key and keeps every other, known or not, in its place', () => {
  const raw = {
    zebra: 1,
    port: 5,
    locks: { custom: true, rateBurst: 7 },
    project_name: 'x',
  };
  const changed = setSetting(raw, 'locks.rateBurst', '9');
  assert.equal(JSON.stringify(changed), JSON.stringify(raw).replace('7', '9'));
  assert.equal(JSON.stringify(setSetting(raw, 'port', '6')), JSON.stringify(raw).replace('5', '6'));
  assert.deepEqual(raw.locks, { custom: true, rateBurst: 7 }, 'the input is not touched');
  assert.deepEqual(setSetting({}, 'audit.retentionDays', '10'), { audit: { retentionDays: 10 } });
  const odd = JSON.parse('{"__proto__":{"a":1},"port":1}') as JsonDocument;
  assert.equal(JSON.stringify(setSetting(odd, 'port', '2')), '{"__proto__":{"a":1},"port":2}');
});

test('a value is JSON or a bare word; ms take durations, bytes take sizes', () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['logLevel', 'warn', 'warn'],
    ['logLevel', '"warn"', 'warn'],
    ['port', ' 8080 ', 8080],
    ['locks.defaultTtlMs', '90s', 90_000],
    ['locks.defaultTtlMs', '2m', 120_000],
    ['locks.defaultTtlMs', '5000', 5000],
    ['locks.ratePerSecond', '2.5', 2.5],
    ['storage.maxBytes', '2GiB', 2 * 1024 ** 3],
    ['storage.maxBytes', '512 mib', 512 * 1024 ** 2],
    ['storage.maxBytes', 'null', null],
  ];
  for (const [key, text, value] of cases) {
    assert.deepEqual(getSetting(setSetting({}, key, text), key), { value, from: 'file' }, `${key} ${text}`);
  }
});

test('set refuses what would not load and says why', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['port', 'http', /^port must be integer 0–65535, not "http"/],
    ['port', '', /^port must be integer/],
    ['locks.defaultTtlMs', '2 fortnights', /defaultTtlMs must be integer/],
    ['locks.defaultTtlMs', '2y', /defaultTtlMs must be integer/],
    ['locks.maxTtlMs', '60s', /locks.defaultTtlMs must be a value up to locks.maxTtlMs/],
    ['locks', '{}', /is a section/],
    ['locks.maxTtl', '5', /no setting "locks.maxTtl" \(did you mean "locks.maxTtlMs"\?\)/],
    ['retentionDays', '5', /did you mean "storage.retentionDays"/],
    ['__proto__.polluted', '1', /no setting/],
    ['', '1', /no setting ""/],
    ['project_name', 'x', /no setting/],
  ];
  for (const [key, text, message] of cases) {
    assert.match(refusal(() => setSetting({}, key, text)).message, message, `${key} ${text}`);
  }
  assert.match(refusal(() => setSetting({ audit: 5 }, 'port', '1')).message, /audit must be object, found 5/);
  assert.match(
    refusal(() => setSetting({ locks: 5 }, 'locks.rateBurst', '1')).message,
    /locks must be object/,
  );
});

test('get tells where a value comes from', () => {
  const raw = { port: 7, other: { deep: 1 }, locks: { rateBurst: 5 } };
  assert.deepEqual(getSetting(raw, 'port'), { value: 7, from: 'file' });
  assert.deepEqual(getSetting(raw, 'logLevel'), { value: 'info', from: 'default' });
  assert.deepEqual(getSetting(raw, 'other.deep'), { value: 1, from: 'unknown' });
  assert.equal((getSetting(raw, 'locks').value as { rateBurst: number }).rateBurst, 5);
  for (const key of ['nope', 'locks.nope', 'constructor', 'port.x', '__proto__', ''])
    refusal(() => getSetting(raw, key));
});

test('reset takes a key, a section or an unknown key out, of a broken document too', () => {
  const raw = { port: 'broken', locks: { rateBurst: 'broken', more: 1 }, other: 1 };
  assert.deepEqual(resetSetting(raw, 'port'), { locks: raw.locks, other: 1 });
  assert.deepEqual(resetSetting(raw, 'locks.rateBurst').locks, { more: 1 });
  assert.deepEqual(resetSetting(raw, 'locks'), { port: 'broken', other: 1 });
  assert.deepEqual(resetSetting(raw, 'other'), { port: 'broken', locks: raw.locks });
  assert.equal(resetSetting(raw, 'logLevel'), raw);
  refusal(() => resetSetting(raw, 'nope'));
});
