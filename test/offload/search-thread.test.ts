/** The thread that searches: fed from a log, asked many things at once, killed, and left idle. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectId } from '../../src/base/ids.ts';
import { SearchThread } from '../../src/offload/search-thread.ts';
import type { EmbeddingSettings } from '../../src/search/choose-embeddings.ts';
import type { ContextDocument } from '../../src/search/context-search.ts';

const project = 'p' as ProjectId;
const log: ContextDocument[] = [];
const directory = mkdtempSync(join(tmpdir(), 'agent-collab-search-'));
const threads: SearchThread[] = [];

function threadOf(embeddings: EmbeddingSettings): SearchThread {
  const thread = new SearchThread({
    directory,
    embeddings,
    feed: {
      head: async () => log.length,
      read: async (from) => ({ contexts: log.slice(from, from + 3), upTo: Math.min(from + 3, log.length) }),
    },
  });
  threads.push(thread);
  return thread;
}

function share(content: string): void {
  log.push({ id: `n:${log.length + 1}`, project, path: 'src/a.ts', content, tags: [], agent: 'a', time: '' });
}

const first = async (thread: SearchThread, text: string) =>
  (await thread.search({ text, project, limit: 5 })).hits[0]?.content;

afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
  log.length = 0;
  rmSync(directory, { recursive: true, force: true });
});

describe('the thread that searches', () => {
  it('finds by words and by meaning what was shared before and after it began, and keeps the vectors', async () => {
    for (const content of [
      'Sessions expire after fifteen minutes.',
      'The cache is cold.',
      'Builds are slow.',
      'Lint first.',
    ])
      share(content);
    const thread = threadOf({ provider: 'offline' });
    assert.equal(await first(thread, 'cache'), 'The cache is cold.');
    for (let tries = 0; (await thread.state())?.embedded !== 4 && tries < 100; tries += 1) await delay(100);
    const { method, hits, vectors } = await thread.search({
      text: 'how long until a user is logged out',
      project,
      limit: 5,
    });
    assert.equal(method, 'hybrid');
    assert.equal(hits[0]?.content, 'Sessions expire after fifteen minutes.');
    assert.deepEqual(vectors, {
      model: 'offline universal-sentence-encoder-lite-en-1',
      embedded: 4,
      entries: 4,
    });
    share('The token is rotated.');
    assert.equal(await first(thread, 'rotated token'), 'The token is rotated.');
    assert.ok(statSync(join(directory, 'context.vec')).size > 4 * 4 * 512);
  });

  it('judges a plan by what was shared', async () => {
    share('Passwords are hashed with Argon2id; bcrypt is banned.');
    const thread = threadOf({ provider: 'offline' });
    const conflict = await thread.judge({
      text: 'I switch the password hash to bcrypt.',
      project,
      limit: 20,
    });
    assert.equal(conflict.verdict, 'conflict');
    assert.match(conflict.evidence[0]?.reason ?? '', /turns down bcrypt/);
    assert.equal(conflict.method, 'hybrid');
    const other = await thread.judge({ text: 'The landing page gets a carousel.', project, limit: 20 });
    assert.deepEqual(other.evidence, []);
    assert.equal(other.verdict, 'uncertain');
  });

  it('searches by words alone without vectors', async () => {
    share('The cache is cold.');
    const thread = threadOf({ provider: 'none' });
    const { method, hits, vectors } = await thread.search({ text: 'cold caches', project, limit: 5 });
    assert.equal(method, 'lexical');
    assert.equal(hits.length, 1);
    assert.deepEqual(vectors, { model: null, embedded: 0, entries: 1 });
  });

  it('says why there are no vectors when the settings cannot be followed, and searches by words', async () => {
    share('The cache is cold.');
    const thread = threadOf({ provider: 'ollama', url: 'ftp://nowhere' });
    const { method, hits } = await thread.search({ text: 'cache', project, limit: 5 });
    assert.equal(method, 'lexical');
    assert.equal(hits.length, 1);
    assert.match((await thread.state())?.problem ?? '', /address|url/i);
  });

  it('takes the vectors of a service, and all anew when its model is another', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        const { model, input } = JSON.parse(body) as {
          readonly model: string;
          readonly input: readonly string[];
        };
        asked.push(...input.map((text) => `${model}: ${text}`));
        response.end(JSON.stringify({ embeddings: input.map((text) => [text.length, 1, model.length]) }));
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      share('The cache is cold.');
      for (const model of ['one', 'two-two']) {
        const thread = threadOf({ provider: 'ollama', url, model });
        await thread.search({ text: 'cache', project, limit: 5 });
        for (let tries = 0; (await thread.state())?.embedded !== 1 && tries < 100; tries += 1)
          await delay(50);
        assert.equal((await thread.search({ text: 'warm', project, limit: 5 })).method, 'hybrid');
        await thread.close();
      }
      assert.deepEqual(
        asked.filter((text) => text.includes('cold')),
        ['one: The cache is cold.', 'two-two: The cache is cold.'],
      );
    } finally {
      server.close();
    }
  });

  it('answers many at once, and goes on after it was closed only with an error', async () => {
    for (let at = 0; at < 20; at += 1) share(`context number ${at}`);
    const thread = threadOf({ provider: 'none' });
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, at) => thread.search({ text: `${at}`, project, limit: 1 })),
    );
    assert.equal(found.length, 20);
    await thread.close();
    await assert.rejects(thread.search({ text: 'x', limit: 1 }), { code: 'SEARCH_UNAVAILABLE' });
  });

  it('fails what is under way when its thread ends, and begins another for the next question', async () => {
    share('The cache is cold.');
    const thread = threadOf({ provider: 'offline' });
    // It waits for the vector of what was shared just now, which waits for the encoder.
    const underWay = thread.search({ text: 'cache', project, limit: 5 });
    const ended = assert.rejects(underWay, { code: 'SEARCH_UNAVAILABLE', message: /a test/ });
    while ((await thread.state())?.entries !== 1) await delay(1);
    await thread.restart('a test');
    await ended;
    assert.equal(await first(thread, 'cache'), 'The cache is cold.');
  });
});
