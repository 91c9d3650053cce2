/** No text here looks like a secret as it stands: each is put together when the test runs. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, test } from 'node:test';
import { findSecrets, redact, secretUnder } from '../../src/delta/find-secrets.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

/** Looks random, and is the same in every run. */
function noise(chars: number, alphabet = 'base62', salt = ''): string {
  let text = '';
  for (let at = 0; text.length < chars; at += 1) {
    const hash = createHash('sha256')
      .update(`${salt}${at}`)
      .digest(alphabet === 'hex' ? 'hex' : 'base64');
    text += alphabet === 'base62' ? hash.replace(/[^A-Za-z0-9]/g, '') : hash.replace(/=/g, '');
  }
  return text.slice(0, chars);
}

function joined(...parts: readonly string[]): string {
  return parts.join('');
}

const upper = noise(60).toUpperCase();
const lines = (count: number) =>
  Array.from({ length: count }, (_, at) => noise(64, 'base64', `${at}`)).join('\n');
const dashes = '-'.repeat(5);
const block = (label: string, body: string) =>
  joined(dashes, 'BEGIN ', label, dashes, '\n', body, '\n', dashes, 'END ', label, dashes);
const part = (text: string) => Buffer.from(text).toString('base64url');
const jwt = [part('{"alg":"HS256","typ":"JWT"}'), part('{"sub":"1234567890"}'), noise(43)].join('.');
const rsa = block('RSA PRIVATE KEY', lines(20));

/** Kind → texts, the secret between « and ». */
const secrets: Readonly<Record<string, readonly string[]>> = {
  'private key': [
    `see «${rsa}» there`,
    `«${block('PRIVATE KEY', lines(3))}»`,
    `«${block('OPENSSH PRIVATE KEY', lines(7))}»`,
    `«${block('EC PRIVATE KEY', lines(2))}»`,
    `«${block('ENCRYPTED PRIVATE KEY', `${lines(2)}\nAAAA`)}»`,
    `«${block('RSA PRIVATE KEY', `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${lines(4)}`)}»`,
    `«${block('PGP PRIVATE KEY BLOCK', `Version: 1\n\n${lines(9)}\n=aBcD`)}»`,
    `{"private_key": "«${block('PRIVATE KEY', lines(5)).replaceAll('\n', '\\n')}»"}`,
    `  key: |\n    «${block('PRIVATE KEY', lines(3)).replaceAll('\n', '\n    ')}»\n`,
    `«${block('PRIVATE KEY', lines(3)).replaceAll('\n', ' ')}»`,
    `cut: «${rsa.slice(0, 600)}»`,
    `cut: «${rsa.slice(0, 33 + 64 * 3)}»\nand then text goes on.`,
  ],
  'AWS access key id': [
    `id «${joined('AK', 'IA', upper.slice(0, 16))}».`,
    `«${joined('AS', 'IA', upper.slice(7, 23))}»`,
  ],
  'AWS secret key': [
    `aws_secret_access_key = «${noise(40, 'base64', 'aws')}»`,
    `AWS_SECRET_ACCESS_KEY="«${noise(40, 'base64', 'b')}»"`,
    `"secretAccessKey": "«${noise(40, 'base64', 'c')}»"`,
  ],
  'GitHub token': ['ghp', 'gho', 'ghs', 'ghu', 'ghr']
    .map((word) => `token «${joined(word, '_', noise(36))}» there`)
    .concat([
      `«${joined('github', '_pat_', noise(22), '_', noise(59))}»`,
      `\\n«${joined('gh', 'p_', noise(36))}»\\n`,
    ]),
  'GitLab token': [`GITLAB=«${joined('gl', 'pat-', noise(20))}»`],
  'Slack token': ['b', 'p', 'a', 's'].map(
    (letter) => `«${joined('xox', letter, '-123456789012-', noise(24))}»`,
  ),
  'Stripe key': [`«${joined('sk', '_live_', noise(24))}»`, `«${joined('rk', '_live_', noise(99))}»`],
  'OpenAI key': [
    `key: «${joined('s', 'k-', noise(48))}»`,
    `«${joined('s', 'k-proj-', noise(64), '_-x')}»`,
    `-«${joined('s', 'k-', noise(48))}»`,
  ],
  'Anthropic key': [
    `«${joined('s', 'k-ant-api03-', noise(93), 'AA')}»`,
    `«${joined('s', 'k-ant-api03-', noise(93), '_-')}».`,
  ],
  'Google API key': [`?key=«${joined('AI', 'za', noise(35))}»&x=1`],
  'npm token': [`//host/:_authToken=«${joined('np', 'm_', noise(36))}»`],
  'PyPI token': [`«${joined('py', 'pi-', noise(120))}»`],
  'SendGrid key': [`«${joined('S', 'G.', noise(22), '.', noise(43, 'base62', 'x'))}».`],
  'Twilio key': [`«${joined('S', 'K', noise(32, 'hex'))}»`],
  JWT: [`jwt «${jwt}».`, `"«${jwt}»"`, `x.«${jwt}»`, `\\n«${jwt}»\\n`],
  'password in a URL': [
    `postgres://app:«${noise(12)}»@db.internal:5432/app`,
    joined('https://', 'user:', '«pass»', '@host/path'),
    joined('redis://', ':«hunter', '2»', '@cache'),
    joined('amqp://', 'u:«p@', 'ss»', '@host'),
  ],
  password: [
    `password = "«${noise(18)}»"`,
    `DB_PASSWORD: «${noise(16)}»`,
    `passwd: '«${noise(10)}&${noise(10)}»'`,
    `{"password":"«${noise(20)}»","x":1}`,
  ],
  token: [
    `token: «${noise(32, 'hex')}»`,
    `session_token=«${noise(20)}», and`,
    `"refreshToken" => "«${noise(43)}»"`,
    `{"port":1,"token":"«${noise(43)}»","socket":null}`,
    `{\\"token\\":\\"«${noise(43)}»\\"}`,
    `https://host/x?user=ann&token=«${noise(24)}»&y`,
    `url = "https://host/x?access_token=«${noise(24)}»"`,
  ],
  'API key': [
    `api_key = "«${noise(24)}»"`,
    `apiKey: \`«${noise(24)}»\``,
    `X-Api-Key: «${noise(24)}»`,
    `SECRET_KEY='«${noise(50)}»'`,
  ],
  secret: [`client_secret := "«${noise(24)}»"`, `Authorization: «${noise(24)}»`],
  'bearer token': [`-H 'Authorization: Bearer «${noise(43)}»'`],
  'agent-collab invite': [`join «${joined('acin', 'v1.', noise(300), '.', noise(86))}»`],
};

describe('a secret is found', () => {
  for (const [kind, texts] of Object.entries(secrets)) {
    it(`of the kind ${kind}`, () => {
      for (const marked of texts) {
        const start = marked.indexOf('«');
        const text = marked.replace(/[«»]/g, '');
        assert.deepEqual(findSecrets(text), [{ kind, start, end: marked.indexOf('»') - 1 }], marked);
        assert.equal(redact(text, findSecrets(text)), marked.replace(/«[^»]*»/, `[redacted: ${kind}]`));
        assert.deepEqual(findSecrets(redact(text, findSecrets(text))), [], 'what is left is none');
      }
    });
  }
});

const sum = noise(64, 'hex');
const harmless: Readonly<Record<string, readonly string[]>> = {
  'a hash': [
    `commit ${sum.slice(0, 40)}`,
    `fixed in ${sum.slice(0, 7)}`,
    `sha256: ${sum}`,
    `SHA256(${sum}) = ${sum}`,
  ],
  'an id': [
    'token: 0b4a9fd2-6a3c-4f0e-9c39-2a1f5e0d7b11',
    `delta ${joined('12D3KooW', noise(44))}:42`,
    `token = ${joined('12D3KooW', noise(44))}`,
    `"integrity": "sha512-${noise(86, 'base64')}=="`,
    `lock lk_${sum.slice(0, 10)}_7, rec-${sum.slice(0, 16)}`,
  ],
  'a placeholder': [
    'token: <token>',
    'api_key = "your-api-key-goes-here-12"',
    'password: xxxxxxxxxxxxxxxxxxxxxxxx',
    `token=\${TOKEN_OF_THE_SERVICE_1}`,
    'token = process.env.TOKEN_OF_SERVICE_1',
    'const token = await getAccessTokenOf2(user)',
    'password = config.database.password1',
    'secret: "$SECRET_FROM_ENVIRONMENT_1"',
    `${joined('gh', 'p_')}${'x'.repeat(36)}`,
    `postgres://user:\${PASSWORD}@host/db`,
    'https://user:<password>@host',
    'https://user:****@host',
    'Authorization: Bearer <the-token-of-the-daemon>',
    '[redacted: GitHub token]',
    'token: [redacted: token]',
  ],
  'a path': [
    'token: src/p2p/invite-token2.ts:10',
    'secret: /etc/app/secrets2/key.pem',
    'password = ./config/local/password2.txt',
    'token: C1/src/deep/token-files/v2/a.json',
  ],
  'words in base64': [
    `token: ${part('hello world')}=`,
    `token = "${Buffer.from('short words here').toString('base64')}"`,
  ],
  prose: [
    'the task-runner-abc and the disk-usage-report-2024',
    joined('s', 'k-learn-contrib-extra-tools'),
    joined('my-', 's', 'k-component-style-circle-12'),
    joined('my-', 's', `k-${noise(30)}`),
    'tokens: expire after 15 minutes',
    'the token: refresh-token-rotation-v2 is on',
    'password: must have sixteen characters',
    'secret = correct-horse-battery-staple',
    'max_tokens = 1000000000000000000000',
    'tokenizer: "o200k_base_0123456789ab"',
    'npm_config_registry and npm_package_json_with_a_long_name_of_its_own',
    'xoxb-tokens-are-from-slack and pypi-is-a-package-index',
    'https://example.com:8080/a@b and git@example.com:acme/app.git',
    'ssh://git@example.com:22/acme.git',
    'a file begins with eyJ.a.b or eyJhbGci and no more',
  ],
  'no key': [
    block('PUBLIC KEY', lines(4)),
    block('CERTIFICATE', lines(9)),
    `it begins with ${dashes}BEGIN PRIVATE KEY${dashes} and ends with ${dashes}END PRIVATE KEY${dashes}`,
    `look for ${dashes}BEGIN RSA PRIVATE KEY${dashes} in the file`,
  ],
};

describe('nothing is found in', () => {
  for (const [what, texts] of Object.entries(harmless)) {
    it(what, () => {
      for (const text of texts) assert.deepEqual(findSecrets(text), [], text);
    });
  }
});

test('several in one text are found in their order, and all else stays as it is', () => {
  const texts = Object.values(secrets).flat();
  const found = findSecrets(texts.join('\n\n').replace(/[«»]/g, ''));
  assert.equal(found.length, texts.length);
  const text = texts.join('\n\n').replace(/[«»]/g, '');
  assert.equal(
    redact(text, found).replace(/\[redacted: [^\]]*\]/g, '§'),
    texts.join('\n\n').replace(/«[^»]*»/g, '§'),
  );
});

test('two that overlap are one', () => {
  const token = joined('gh', 'p_', noise(36));
  const text = `token = ${token}~${noise(10)}`;
  assert.deepEqual(findSecrets(text), [{ kind: 'GitHub token', start: 8, end: text.length }]);
});

test('the name of an entry tells what its value is', () => {
  assert.equal(secretUnder('dbPassword', noise(20)), 'password');
  assert.equal(secretUnder('tokens', noise(20)), 'token');
  for (const [name, value] of [
    ['path', noise(20)],
    ['password', 'short1'],
    ['token', 'two words of it 123'],
  ] as const)
    assert.equal(secretUnder(name, value), undefined);
});

const size = 256 * 1024;
const hostile: Readonly<Record<string, string>> = {
  'one letter': 'a',
  base64: noise(4096, 'base64'),
  'beginnings of tokens': joined('gh', 'p_', 'sk-', 'xoxb-', 'AIza', 'eyJ', 'npm_', 'SG.'),
  'tokens that are too short': joined('gh', 'p_', noise(35), '-'),
  'sk- in a row': 's'.concat('k-'),
  'web tokens without an end': 'eyJ-',
  'web tokens of two parts': 'eyJhbGciOi.',
  'heads of keys': `${dashes}BEGIN PRIVATE KEY${dashes}`,
  'heads and feet': `${dashes}BEGIN PRIVATE KEY${dashes}${dashes}END ${dashes}`,
  'heads and words': `${dashes}BEGIN PRIVATE KEY${dashes} a b c `,
  'heads with lines': `${dashes}BEGIN PRIVATE KEY${dashes}\n${noise(64)}\n${noise(12)} `,
  addresses: 'a://b:c',
  'long addresses': `://${'b:'.repeat(300)}`,
  'assignments of nothing': 'token=',
  'assignments with quotes': 'token="',
  'assignments of words': 'token=aaaaaaaaaaaaaaaa1 ',
  'assignments of secrets': `token=${noise(20)} `,
  signs: '=',
  'a token and dashes': joined('s', 'k-').padEnd(size - 2, '-'),
  'a value and dots': 'token='.padEnd(size - 2, '.'),
  'a value and exclamation marks': 'token=a!'.padEnd(size - 2, '!'),
  'a token without its second part': joined('S', 'G.').padEnd(size - 2, 'a'),
  'a head and spaces': `${dashes}BEGIN PRIVATE KEY${dashes}`.padEnd(size - 2, ' '),
  'a head and a line': `${dashes}BEGIN PRIVATE KEY${dashes}`.padEnd(size - 2, 'A'),
  'addresses with signs': 'a://b@c:d@',
  'signs and spaces': ':  \t ',
  names: 'passwordsecrettoken',
  bearers: `Bearer ${'a'.repeat(19)} `,
  backslashes: '\\n',
  capitals: 'token=aAaAaAaAaAaAaAaA',
  dots: `S${'G.'}${noise(20)}`,
};

/** Milliseconds of the processor, the best of several: other work on the machine is no property of the text. */
function costMs(unit: string, chars: number): number {
  const text = unit
    .repeat(Math.ceil(chars / unit.length))
    .slice(0, chars - 2)
    .concat('(a');
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run += 1) {
    const before = process.cpuUsage();
    findSecrets(text);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

describe('the cost of a text grows with its length and no faster, whatever it is', () => {
  for (const [what, unit] of Object.entries(hostile)) {
    it(what, (t) => {
      // Eight times the text: a square would be 64 times the cost. What takes next to no time cannot be told apart.
      const growsTooFast = () => whole >= 24 * Math.max(part, 1);
      const part = costMs(unit, size / 8);
      let whole = costMs(unit, size);
      // A machine that was busy for as long as all that took: it is let have another try, and another.
      for (let more = 0; more < 3 && growsTooFast(); more += 1) whole = Math.min(whole, costMs(unit, size));
      t.diagnostic(`${whole.toFixed(1)} ms for 256 KiB`);
      assert.ok(!growsTooFast(), `${part} ms, and ${whole} ms for eight times the text`);
      assert.ok(whole < 500, `${whole} ms`);
    });
  }
});

test('what is found in any text lies in it, in order, and not over another', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const pieces = [
    ...Object.values(secrets).flat(),
    ...Object.values(harmless).flat(),
    ...Object.values(hostile),
  ];
  for (let run = 0; run < 300; run += 1) {
    const text = Array.from({ length: random.int(1, 6) }, () => {
      const piece = random.pick(pieces).replace(/[«»]/g, '');
      return piece.slice(random.int(0, 10), random.int(10, 400));
    }).join(random.pick(['', ' ', '\n', '"', '=']));
    const found = findSecrets(text);
    let end = 0;
    for (const one of found) {
      assert.ok(one.start >= end && one.end > one.start && one.end <= text.length, `TEST_SEED=${seed}`);
      end = one.end;
    }
  }
});
