import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { CollabError } from '../../src/base/errors.ts';
import { publicKeyFromNodeId } from '../../src/codec/node-id.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { decodeKeyDocument, encodeKeyDocument, loadOrCreateKey, NodeKey } from '../../src/home/node-key.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { scratchDirectory, startChild } from './home-fixture.ts';

/** RFC 8032, section 7.1, test 1. */
const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
/** Base58 of `00 24 08 01 12 20` and that public key, worked out apart from this code base. */
const nodeId = '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV';

test('reads the format of the older program and keeps its peer id', () => {
  const key = NodeKey.fromSeed(seed);
  assert.deepEqual([...key.publicKey], [...publicKey]);
  const document = encodeKeyDocument(key);
  assert.equal(document.type, 'Ed25519');
  assert.equal(
    document.private_key,
    Buffer.concat([Buffer.from('08011240', 'hex'), seed, publicKey]).toString('base64'),
  );
  assert.equal(document.peer_id, key.nodeId);
  assert.match(key.nodeId, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);
  assert.deepEqual([...publicKeyFromNodeId(key.nodeId)], [...publicKey]);
  const read = decodeKeyDocument(JSON.stringify({ ...document, added_later: 1 }), 'key.json');
  assert.equal(read.nodeId, key.nodeId);
  assert.equal(decodeKeyDocument(`\uFEFF${JSON.stringify(document)}\n`, 'key.json').nodeId, key.nodeId);
  assert.equal(key.nodeId, nodeId);
});

test('signs as the seed and public key of the file say, here and in a worker thread', async () => {
  const key = NodeKey.fromSeed(seed);
  const message = Buffer.from('hello');
  const signature = sign(null, message, key.privateKey);
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { createPrivateKey, sign } = require('node:crypto');
    const key = createPrivateKey({ key: Buffer.from(workerData), format: 'der', type: 'pkcs8' });
    parentPort.postMessage(sign(null, Buffer.from('hello'), key));`;
  const worker = new Worker(source, { eval: true, workerData: key.toPkcs8() });
  const theirs = await new Promise<Uint8Array>((resolve, reject) =>
    worker.on('message', resolve).on('error', reject),
  );
  assert.deepEqual(Buffer.from(theirs), signature);
  assert.ok(
    verify(
      null,
      message,
      { key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' },
      signature,
    ),
  );
  const again = NodeKey.fromPkcs8(structuredClone(key.toPkcs8()));
  assert.equal(again.nodeId, key.nodeId);
});

test('the first start makes a key, every later one finds it', async () => {
  const paths = homePaths(scratchDirectory());
  const key = await loadOrCreateKey(paths);
  assert.equal(statSync(paths.key).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(paths.root), ['key.json']);
  const text = readFileSync(paths.key, 'utf8').replace('{', '{\n  "label": "desk",');
  writeFileSync(paths.key, text);
  assert.equal((await loadOrCreateKey(paths)).nodeId, key.nodeId);
  assert.equal(readFileSync(paths.key, 'utf8'), text, 'the file is not rewritten');
});

test('first starts at once get one key', async () => {
  const root = scratchDirectory();
  const body = `
    const { loadOrCreateKey } = await import(home + 'node-key.ts');
    const { homePaths } = await import(home + 'home-paths.ts');
    print('ready');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadOrCreateKey(homePaths(argv[0]))));
    print([...new Set(keys.map((it) => it.nodeId))]);
    process.exit(0);`;
  const children = Array.from({ length: 3 }, () => startChild(body, [root]));
  for (const child of children) assert.equal(await child.line(), '"ready"');
  for (const child of children) child.process.stdin?.write('go\n');
  const seen = await Promise.all(children.map(async (it) => (await it.line()) ?? ''));
  assert.equal(new Set(seen).size, 1, seen.join(' '));
  assert.equal(JSON.parse(seen[0] ?? '').length, 1);
  assert.deepEqual(readdirSync(root), ['key.json']);
});

test('a damaged key.json is refused, is left as it is, and nothing of it is told', async () => {
  const random = seededRandom(testSeed());
  const paths = homePaths(scratchDirectory());
  const good = encodeKeyDocument(NodeKey.fromSeed(seed));
  const bytes = Buffer.from(good.private_key, 'base64');
  const other = NodeKey.fromPkcs8(
    generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  );
  const withKey = (changed: Uint8Array) =>
    JSON.stringify({ ...good, private_key: Buffer.from(changed).toString('base64') });
  const flipped = (at: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return withKey(copy);
  };
  const whole = JSON.stringify(good);
  const texts = [
    '',
    '{}',
    'null',
    '[]',
    '5',
    `${whole}x`,
    `x${good.private_key}`,
    `{"private_key":${good.private_key.slice(8)}}`,
  ];
  texts.push(...Array.from({ length: 40 }, () => whole.slice(0, random.int(1, whole.length - 1))));
  texts.push(...[0, 1, 2, 3, 4, 20, 35, 36, 67].map(flipped));
  texts.push(
    withKey(bytes.subarray(0, 67)),
    withKey(Buffer.concat([bytes, Buffer.of(0)])),
    withKey(bytes.subarray(4, 36)),
  );
  texts.push(JSON.stringify({ ...good, type: 'RSA' }), JSON.stringify({ ...good, private_key: 7 }));
  texts.push(JSON.stringify({ ...good, private_key: `!${good.private_key}` }));
  texts.push(
    JSON.stringify({ ...good, peer_id: other.nodeId }),
    JSON.stringify({ ...good, peer_id: undefined }),
  );
  texts.push(whole + ' '.repeat(100_000));
  for (const text of texts) {
    writeFileSync(paths.key, text);
    const error = await loadOrCreateKey(paths).then(
      () => assert.fail(`accepted ${text}`),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof CollabError, String(error));
    assert.equal(error.code, 'KEY_INVALID');
    const told = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error.details);
    // Any eight characters of the secret half of the key would be too many.
    for (let i = 6; i < 44; i += 4) assert.ok(!told.includes(good.private_key.slice(i, i + 8)), told);
    assert.equal(readFileSync(paths.key, 'utf8'), text);
  }
});

test('a key.json that is a directory is refused by name', async () => {
  const paths = homePaths(scratchDirectory());
  mkdirSync(paths.key);
  await assert.rejects(loadOrCreateKey(paths), { code: 'KEY_INVALID', message: /EISDIR/ });
});

test('printing a key shows no secret', () => {
  const key = NodeKey.fromSeed(seed);
  const shown = inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key);
  assert.ok(!shown.includes(seed.toString('hex')) && !shown.includes(seed.toString('base64').slice(0, 20)));
});
