/** `support`: what is in a bundle, and that no secret is, wherever one was planted. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { unzipSync } from 'fflate';
import { checkNames } from '../../src/doctor/finding.ts';
import { hookToken } from '../../src/home/hook-token.ts';
import { decodeKeyDocument } from '../../src/home/node-key.ts';
import { makeBundle } from '../../src/support/bundle.ts';
import { createNameHider } from '../../src/support/hide-names.ts';
import { CliFixture } from '../cli/cli-fixture.ts';

interface Opened {
  /** By the path in it, without the directory. */
  readonly files: ReadonlyMap<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: a test names the fields that it looks at
  readonly manifest: any;
  /** Everything, names too, as whoever gets it can read it. */
  readonly all: string;
}

function opened(path: string): Opened {
  const bytes = readFileSync(path);
  const entries = Object.entries(unzipSync(bytes));
  const files = new Map(
    entries.map(([name, one]) => [name.slice(name.indexOf('/') + 1), Buffer.from(one).toString('utf8')]),
  );
  const all = [
    bytes.toString('latin1'),
    ...entries.map(([name, one]) => `${name}\n${Buffer.from(one).toString('utf8')}`),
  ];
  return { files, manifest: JSON.parse(files.get('manifest.json') ?? ''), all: all.join('\n') };
}

const token = () => randomBytes(32).toString('base64url');

describe('a support bundle', () => {
  let cli: CliFixture;
  let file: string;
  beforeEach(() => {
    cli = new CliFixture();
    file = cli.path('bundle.zip');
  });
  afterEach(() => cli.close());
  const make = (env: Readonly<Record<string, string>> = {}) => cli.json(['support', '--to', file], { env });
  const at = (...names: readonly string[]) => join(cli.home, ...names);
  const json = (name: string) => JSON.parse(readFileSync(at(name), 'utf8'));

  /** What must not get out of a running daemon's directory, in the spellings that it has. */
  function ownSecrets(): readonly string[] {
    const key = decodeKeyDocument(readFileSync(at('key.json'), 'utf8'), 'key.json');
    const { secret, doorKey } = json('cluster.json');
    const bytes = [
      key.toPkcs8().subarray(-32),
      Buffer.from(secret, 'base64'),
      Buffer.from(doorKey, 'base64'),
    ];
    return [
      json('daemon.json').token,
      json('key.json').private_key,
      hookToken(key),
      ...bytes.flatMap((one) =>
        (['base64', 'base64url', 'hex'] as const).map((encoding) => one.toString(encoding)),
      ),
    ];
  }

  /** Puts secrets wherever one could come from: into the log in several forms, config.json and the environment. */
  function plant(invite: string): { readonly planted: readonly string[]; readonly inEnvironment: string } {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    const foreign = [`sk-ant-${token()}`, `sk-proj-${token()}`, `ghp_${randomBytes(20).toString('hex')}`];
    const inEnvironment = `plain ${token()}`;
    const inLog = [...ownSecrets(), invite, ...foreign, inEnvironment];
    for (const [number, secret] of inLog.entries()) {
      const own = { time: new Date(0).toISOString(), level: 'error', message: `planted ${secret}`, number };
      const fields = { [`name ${secret}`]: `a ${secret} b`, password: secret, nested: [{ token: secret }] };
      appendFileSync(at('logs', 'daemon.log'), `${JSON.stringify({ ...own, ...fields })}\nraw ${secret}\n`);
    }
    const older = `from before\n${pem}\n${JSON.stringify({ time: '', body: `<${pem}>` })}\n`;
    appendFileSync(at('logs', 'daemon.log.1'), older);
    // These are secrets for their place alone, and a line of a key within its block.
    const mine = 'hunter2-of-config';
    const [deep, named] = [token(), token()];
    const config = { logLevel: 'info', mine, openai: { deep: [deep] }, 'x-api-key': named };
    writeFileSync(at('config.json'), JSON.stringify(config));
    return { planted: [...inLog, mine, deep, named, pem.split('\n')[1] ?? ''], inEnvironment };
  }

  it('has what a report needs and none of the secrets that were planted', async () => {
    await cli.json(['context', 'share', 'src/login.ts', '-m', 'what-was-shared stays here']);
    await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'work', '--agent', 'ann']);
    assert.equal((await cli.json(['init', 'team'])).exit, 0);
    const { planted, inEnvironment } = plant((await cli.json(['invite'])).data.token);
    const made = await make({ SERVICE_TOKEN: inEnvironment });
    assert.equal(made.exit, 0);
    const { files, manifest, all } = opened(file);
    for (const secret of planted) assert.ok(!all.includes(secret.replace(/=+$/, '')), `${secret} is in it`);
    for (const secret of planted) assert.ok(!JSON.stringify(made).includes(secret.replace(/=+$/, '')));
    assert.ok(!all.includes('what-was-shared') && !all.includes(readFileSync(at('key.json'), 'utf8')));
    assert.deepEqual(manifest.missing, []);
    assert.deepEqual([...files.keys()].sort(), [
      'audit.json',
      'config.json',
      'doctor.json',
      'files.json',
      'logs/daemon-stderr.log',
      'logs/daemon.log',
      'logs/daemon.log.1',
      'machine.json',
      'manifest.json',
      'status.json',
    ]);
    const parsed = (name: string) => JSON.parse(files.get(name) ?? '');
    assert.equal(parsed('status.json').pid, cli.daemonPid());
    assert.deepEqual(
      parsed('doctor.json').findings.map(({ check }: { check: string }) => check),
      checkNames,
    );
    assert.equal(parsed('audit.json').counts.acquired, 1);
    assert.equal(parsed('machine.json').node.node, process.versions.node);
    assert.deepEqual(
      [parsed('config.json').set.logLevel, Object.keys(parsed('config.json').set).length],
      ['info', 4],
    );
    const listed = parsed('files.json').files.find((one: { path: string }) => one.path === 'key.json');
    assert.deepEqual([listed.mode, listed.bytes], ['0600', statSync(at('key.json')).size]);
    assert.match(
      files.get('logs/daemon.log') ?? '',
      /"message":"the daemon serves"[\s\S]*planted \[redacted: token of the daemon\]/,
    );
    const { redacted } = made.data;
    for (const kind of [
      'token of the daemon',
      'key of the node',
      'key of the cluster',
      'agent-collab invite',
      'private key',
      'Anthropic key',
      'secret in the environment',
      'by its name',
    ])
      assert.ok(redacted[kind] > 0, `${kind}: ${JSON.stringify(redacted)}`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('is never written over a file, and nothing is left where it cannot be written', async () => {
    writeFileSync(file, 'mine');
    const refused = await make();
    assert.deepEqual([refused.exit, refused.error?.code], [2, 'USAGE']);
    assert.match(refused.error?.message ?? '', /exists already/);
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    const nowhere = await cli.json(['support', '--to', cli.path('none/bundle.zip')]);
    assert.deepEqual([nowhere.exit, nowhere.error?.code], [5, 'HOME_UNUSABLE']);
    const into = await cli.json(['support', '--to', cli.repository]);
    assert.match(into.data.file, /repository\/agent-collab-support-\d{8}-\d{6}\.zip$/);
    assert.equal(existsSync(cli.home), false, 'it makes no data directory');
    const { manifest } = opened(into.data.file);
    assert.deepEqual(
      manifest.missing.map((one: { path: string }) => one.path),
      ['status.json', 'audit.json', 'files.json'],
    );
  });

  it('is made of a stopped daemon, which it does not start, and tells people what is in it', async () => {
    await cli.json(['daemon', 'start']);
    await cli.json(['daemon', 'stop']);
    const { code, stdout } = await cli.run(['support']);
    assert.equal(code, 0);
    assert.equal(cli.daemonPid(), undefined);
    const [name = ''] = readdirSync(cli.repository).filter((one) => one.endsWith('.zip'));
    assert.ok(stdout.startsWith(join(cli.repository, name)));
    for (const part of [
      'logs/daemon.log',
      'not to be had: status.json: no daemon serves',
      'look at it before you send it',
      '<user>',
    ])
      assert.ok(stdout.includes(part), part);
    const { files, manifest, all } = opened(join(cli.repository, name));
    assert.match(files.get('doctor.json') ?? '', /none runs/);
    assert.match(
      manifest.missing[0].why,
      /^no daemon serves ~\/home$/,
      'the home directory of the user is not named',
    );
    assert.ok(!all.includes(cli.path('home')));
  });

  it('is made of what is left of a damaged directory, and says what could not be had', async () => {
    await cli.json(['daemon', 'start']);
    await cli.json(['daemon', 'stop']);
    const secret = token();
    const key = json('key.json').private_key;
    writeFileSync(at('config.json'), `{"myPassword": "${secret}", `);
    writeFileSync(at('key.json'), `{"private_key": "${key}"`);
    writeFileSync(at('daemon.json'), `{"token": "${secret}x`);
    appendFileSync(at('logs', 'daemon.log'), `${secret} ${key}\n`);
    mkdirSync(at('logs', 'daemon.log.2'));
    for (const store of ['delta', 'audit']) writeFileSync(at('lmdb', store, 'data.mdb'), randomBytes(40_000));
    const made = await make();
    assert.equal(made.exit, 0);
    const { files, manifest, all } = opened(file);
    assert.ok(!all.includes(secret) && !all.includes(key));
    const missing = new Map<string, string>(
      manifest.missing.map((one: { path: string; why: string }) => [one.path, one.why]),
    );
    assert.deepEqual([...missing.keys()].sort(), [
      'audit.json',
      'config.json',
      'logs/daemon.log.2',
      'status.json',
    ]);
    assert.match(missing.get('config.json') ?? '', /is not JSON at line 1, column \d+/);
    assert.match(missing.get('logs/daemon.log.2') ?? '', /EISDIR/);
    const bad = JSON.parse(files.get('doctor.json') ?? '').findings.filter(
      (one: { state: string }) => one.state === 'bad',
    );
    assert.ok(bad.length >= 3, JSON.stringify(bad));
  });

  it('names what may not be looked at (needs a user other than root)', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may look at everything');
    mkdirSync(at('closed'), { recursive: true });
    chmodSync(at('closed'), 0);
    await make();
    chmodSync(at('closed'), 0o700);
    assert.ok(opened(file).manifest.missing.some((one: { path: string }) => one.path === 'closed'));
  });

  it('goes without a part rather than with a secret in it', async () => {
    const secret = token();
    const { bytes, manifest } = await makeBundle(
      [
        // A text that did not go through the redaction, as a defect would leave it.
        { path: 'bad.txt', about: 'bad', make: async () => `it is ${secret}` },
        { path: 'good.json', about: 'good', make: async () => ({ it: secret }) },
      ],
      {
        name: 'x',
        createdAt: new Date(),
        secrets: () => [{ kind: 'test', text: secret }],
        hideNames: (text) => text,
      },
    );
    const files = unzipSync(bytes);
    assert.deepEqual(Object.keys(files).sort(), ['x/good.json', 'x/manifest.json']);
    assert.deepEqual(manifest.missing, [
      { path: 'bad.txt', why: 'left out: the test was still in it, which is a defect' },
    ]);
    rmSync(cli.path('x'), { force: true });
  });
});

describe('the names of a bundle', () => {
  it('of the user, the machine and the home directory are hidden, and words that hold them are not', () => {
    const hide = createNameHider({ home: '/srv/the-people/ann', user: 'ann', host: 'laptop7.example.org' });
    const pairs = [
      ['/srv/the-people/ann/.agent-collab', '~/.agent-collab'],
      ['/srv/the-people/anne/x and /mnt/ann/y', '/srv/the-people/anne/x and /mnt/<user>/y'],
      ['ann@pts/3 on laptop7, LAPTOP7.example.org', '<user>@pts/3 on <host>, <host>'],
      ['annotation, -srv-the-people-ann-src', 'annotation, -srv-the-people-<user>-src'],
    ];
    for (const [text = '', shown] of pairs) assert.equal(hide(text), shown);
  });

  it('that everybody has are let be: they are words', () => {
    const hide = createNameHider({ home: '/', user: 'daemon', host: 'localhost' });
    assert.equal(hide('the daemon at / on localhost'), 'the daemon at / on localhost');
  });
});
