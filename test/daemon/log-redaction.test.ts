import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createLogger } from '../../src/base/log.ts';
import { HomeSecrets } from '../../src/daemon/home-secrets.ts';
import { createRedaction } from '../../src/daemon/log-redaction.ts';
import { type HomePaths, homePaths } from '../../src/home/home-paths.ts';
import { hookToken } from '../../src/home/hook-token.ts';
import { encodeKeyDocument, NodeKey } from '../../src/home/node-key.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('the redaction of the log', () => {
  let root: string;
  let paths: HomePaths;
  const token = () => randomBytes(32).toString('base64url');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'agent-collab-redaction-'));
    paths = homePaths(root);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function logger() {
    const lines: string[] = [];
    const clock = new ManualClock();
    const secrets = new HomeSecrets(paths, clock);
    const kinds: string[] = [];
    const redaction = createRedaction(
      () => secrets.current(),
      (kind) => kinds.push(kind),
    );
    const { warn } = createLogger('info', (line) => lines.push(line), redaction);
    return { warn, lines, kinds, clock, last: () => lines.at(-1) ?? '' };
  }

  it('leaves out the secrets of the data directory in every spelling, from the moment on in which they stand there', () => {
    const { warn, lines, kinds, clock } = logger();
    const key = NodeKey.fromSeed(randomBytes(32));
    const document = encodeKeyDocument(key);
    const seed = key.toPkcs8().subarray(-32);
    const cluster = randomBytes(32);
    const door = randomBytes(32);
    const daemon = token();
    writeFileSync(paths.daemonRecord, JSON.stringify({ pid: 1, token: daemon }));
    writeFileSync(paths.key, JSON.stringify(document, null, 2));
    const clusterText = { secret: cluster.toString('base64'), doorKey: door.toString('base64') };
    writeFileSync(paths.cluster, JSON.stringify({ version: 1, ...clusterText, records: [] }, null, 2));
    const planted = [
      daemon,
      document.private_key,
      hookToken(key),
      ...[seed, cluster, door].flatMap((bytes) =>
        (['hex', 'base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding)),
      ),
    ];
    for (const secret of planted) {
      warn(`it failed at ${secret}, sadly`, { [`x${secret}`]: [`a ${secret} b`], nested: { text: secret } });
    }
    const all = lines.join('');
    for (const secret of planted) assert.ok(!all.includes(secret.replace(/=+$/, '')), secret);
    assert.ok(all.includes(key.nodeId) === false && kinds.includes('key of the cluster'));
    // The next daemon, and the next key of the cluster.
    const [next, rotated] = [token(), randomBytes(32).toString('base64')];
    writeFileSync(paths.daemonRecord, JSON.stringify({ pid: 2, token: next }));
    writeFileSync(paths.cluster, JSON.stringify({ version: 1, secret: rotated }));
    clock.advance(10);
    warn(`${next} ${rotated} ${daemon} ${cluster.toString('base64')}`);
    for (const secret of [next, rotated, daemon]) assert.ok(!lines.at(-1)?.includes(secret.slice(0, 43)));
  });

  it('leaves out what is in files that are damaged or cut off', () => {
    const { warn, lines } = logger();
    const key = encodeKeyDocument(NodeKey.fromSeed(randomBytes(32))).private_key;
    const daemon = token();
    writeFileSync(paths.key, `{"type":"Ed25519","private_key":"${key}", "peer_`);
    writeFileSync(paths.daemonRecord, `\u0000{"token": "${daemon}`);
    warn(`${key} ${daemon}`);
    assert.ok(!lines[0]?.includes(key) && !lines[0]?.includes(daemon), lines[0]);
  });

  it('leaves out secrets of others by their forms, in stacks and in JSON too', () => {
    const { warn, last } = logger();
    const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    const planted = [
      `sk-ant-${token()}`,
      `ghp_${randomBytes(20).toString('hex')}`,
      `acinv1.${token()}${token()}.${token()}`,
      pem.split('\n')[1] ?? '',
    ];
    const [anthropic = '', github, invite] = planted;
    const error = new Error(`answered 401 to ${anthropic}`);
    warn('failed', { error, body: JSON.stringify({ a: [github, invite], pem }) });
    for (const secret of planted) assert.ok(!last().includes(secret), secret);
    assert.match(last(), /answered 401 to \[redacted: Anthropic key\]\\n {4}at /);
  });

  it('hides whatever stands under the name of a secret, and shows counts and ids', () => {
    const { warn, last } = logger();
    warn('asked', {
      token: 'short',
      authorization: 'Basic YTpi',
      headers: { Cookie: 'a=b', 'set-cookie': ['a=b'], 'x-api-key': 'k' },
      privateKey: Buffer.from('key'),
      dbPassword: 'p',
      client_secret: { value: 's' },
      tokens: 12,
      hasToken: true,
      PWD: '/srv/app',
      key: 'locks.defaultTtlMs',
      peer: '12D3KooWF9g5Z8JbYdLvptULUYrUbwCSz5ushvmHALtTbNcBnyN6',
    });
    const { time: _, level: __, message: ___, ...fields } = JSON.parse(last());
    const hidden = '[redacted]';
    assert.deepEqual(fields, {
      token: hidden,
      authorization: hidden,
      headers: { Cookie: hidden, 'set-cookie': hidden, 'x-api-key': hidden },
      privateKey: hidden,
      dbPassword: hidden,
      client_secret: hidden,
      tokens: 12,
      hasToken: true,
      PWD: '/srv/app',
      key: 'locks.defaultTtlMs',
      peer: '12D3KooWF9g5Z8JbYdLvptULUYrUbwCSz5ushvmHALtTbNcBnyN6',
    });
  });
});
