import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { encodeError } from '../../src/base/errors.ts';
import { createLogger } from '../../src/base/log.ts';
import { ApiKey } from '../../src/search/api-key.ts';
import { chooseEmbeddings } from '../../src/search/choose-embeddings.ts';
import { HttpEmbeddings } from '../../src/search/http-embeddings.ts';
import { type Behaviour, failureOf, keyText, openService, providerAt } from './fake-service.ts';

/** Every text that somebody may make of a value. */
function textsOfAll(value: unknown): string {
  const lines: string[] = [];
  createLogger('debug', (line) => lines.push(line)).error('failed', { value });
  return [
    inspect(value, { showHidden: true, depth: 20, getters: true }),
    String(value),
    JSON.stringify(value),
    JSON.stringify(encodeError(value)),
    ...lines,
  ].join('\n');
}

/** No eight characters of the key in a row, in either case. */
function assertNoKey(value: unknown): void {
  const text = textsOfAll(value).toLowerCase();
  for (let at = 0; at + 8 <= keyText.length; at += 1) {
    const part = keyText.slice(at, at + 8).toLowerCase();
    assert.ok(!text.includes(part), `${part} stands in ${text.slice(0, 500)}`);
  }
}

const echoes: Readonly<Record<string, Behaviour>> = {
  'in its reason': { status: 401, body: { error: { message: `Incorrect API key provided: ${keyText}.` } } },
  'cut short': {
    status: 401,
    body: { detail: `no such key: ${keyText.slice(0, 12)}****${keyText.slice(-9)}` },
  },
  'in capitals': { status: 403, body: { error: keyText.toUpperCase() } },
  'in a page': { status: 500, body: `<html>authorization: Bearer ${keyText}</html>` },
  'where the reason is cut': { status: 400, body: `${'x'.repeat(190)}${keyText}` },
  'as JSON escapes': { status: 400, body: `{"error":"${keyText.replace('Z', '\\u005a')}"}` },
  'in its headers': {
    status: 429,
    headers: { 'retry-after': keyText, location: `/?key=${keyText}` },
    body: '',
  },
  'as the reason phrase': (response) => {
    response.writeHead(400, `Bad key ${keyText}`);
    response.end();
  },
  'instead of vectors': { status: 200, body: `{"data": "${keyText}"}` },
  'where no JSON is': { status: 200, body: keyText },
  'as nothing that is HTTP': (response) => response.socket?.end(`HTTP/9 ${keyText}\r\n${keyText}\r\n\r\n`),
};

for (const [name, behaviour] of Object.entries(echoes)) {
  test(`shows no key when the service echoes it ${name}`, async (t) => {
    const { url, received } = await openService(t, () => behaviour);
    for (const service of ['openai', 'google'] as const) {
      const { provider } = providerAt(url, service);
      const error = await failureOf(provider.embed(['x'], 'query'));
      assertNoKey(error);
      assert.equal(error.cause, undefined);
      assertNoKey(provider);
    }
    assert.ok(received.length >= 2);
  });
}

test('shows no key that makes a header which cannot be sent', async (t) => {
  const { url, received } = await openService(t, () => ({ body: '' }));
  const key = new ApiKey(`${keyText}\n${keyText}`);
  const choice = { kind: 'service', service: 'voyage', model: 'm', url, key, because: 'the test' } as const;
  const error = await failureOf(new HttpEmbeddings(choice, { pause: async () => {} }).embed(['x'], 'query'));
  assertNoKey(error);
  assert.equal(received.length, 0);
});

test('shows no key in a choice, nor in why there is none', () => {
  assertNoKey(chooseEmbeddings({ provider: 'auto' }, { VOYAGE_API_KEY: keyText }));
  for (const settings of [
    { provider: 'openai', key: `${keyText}\u0000` },
    { provider: 'openai', key: keyText, model: 'spaces in it' },
    { provider: 'openai', key: keyText, url: `https://user:${keyText}@host` },
    { provider: 'openai', key: keyText, url: `https://host/?key=${keyText}` },
    { provider: 'openai', key: keyText, url: keyText },
    { provider: 'auto', key: keyText },
  ] as const) {
    assert.throws(
      () => chooseEmbeddings(settings, {}),
      (error: Error) => {
        assertNoKey(error);
        return true;
      },
    );
  }
});

test('scrubs a key of any length, as an address spells it too, with one mask for what touches', () => {
  const key = new ApiKey('k+/=');
  assert.equal(key.scrub('a k+/= b k%2B%2F%3D c K+/=K+/='), 'a [key] b [key] c [key]');
  assert.equal(key.scrub('k+/'), 'k+/');
  assert.equal(key.scrub(''), '');
  const long = new ApiKey('0123456789');
  assert.equal(long.scrub('0123456 01234567 x23456789y'), '0123456 [key] x[key]y');
  assert.equal(long.scrub('İ0123456789'), 'İ[key]');
  assert.equal(long.reveal(), '0123456789');
  assert.equal(`${long} ${JSON.stringify({ long })}`, '[key] {"long":"[key]"}');
});
