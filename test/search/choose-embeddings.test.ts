import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChosenService,
  chooseEmbeddings,
  type EmbeddingSettings,
  type Environment,
} from '../../src/search/choose-embeddings.ts';
import { serviceNames } from '../../src/search/embedding-services.ts';

const every = {
  VOYAGE_API_KEY: 'v',
  OPENAI_API_KEY: 'o',
  GEMINI_API_KEY: 'ge',
  GOOGLE_API_KEY: 'go',
  OLLAMA_HOST: '127.0.0.1',
};

function shown(settings: EmbeddingSettings, env: Environment): string {
  const choice = chooseEmbeddings(settings, env);
  if (choice.kind !== 'service') return choice.kind;
  return `${choice.service} ${choice.model} ${choice.url} ${choice.key?.reveal() ?? '-'} (${choice.because})`;
}

const voyage = 'voyage voyage-3.5 https://api.voyageai.com';
const openai = 'openai text-embedding-3-small https://api.openai.com';
const google = 'google gemini-embedding-001 https://generativelanguage.googleapis.com';
const ollama = 'ollama nomic-embed-text http://127.0.0.1:11434';

const table: readonly (readonly [string, EmbeddingSettings, Environment, string])[] = [
  ['nothing is set', { provider: 'auto' }, {}, 'offline'],
  ['all is set', { provider: 'auto' }, every, `${voyage} v (VOYAGE_API_KEY)`],
  ['all but Voyage', { provider: 'auto' }, { ...every, VOYAGE_API_KEY: '' }, `${openai} o (OPENAI_API_KEY)`],
  ['Google alone', { provider: 'auto' }, { GOOGLE_API_KEY: 'go' }, `${google} go (GOOGLE_API_KEY)`],
  [
    'both of Google',
    { provider: 'auto' },
    { GOOGLE_API_KEY: 'go', GEMINI_API_KEY: 'ge' },
    `${google} ge (GEMINI_API_KEY)`,
  ],
  [
    'Google before Ollama',
    { provider: 'auto' },
    { OLLAMA_HOST: 'x', GOOGLE_API_KEY: 'go' },
    `${google} go (GOOGLE_API_KEY)`,
  ],
  ['Ollama alone', { provider: 'auto' }, { OLLAMA_HOST: '127.0.0.1' }, `${ollama} - (OLLAMA_HOST)`],
  ['blank variables', { provider: 'auto' }, { VOYAGE_API_KEY: ' ', OLLAMA_HOST: '' }, 'offline'],
  [
    'a line break behind the key',
    { provider: 'auto' },
    { VOYAGE_API_KEY: 'v\n' },
    `${voyage} v (VOYAGE_API_KEY)`,
  ],
  ['blank settings', { provider: 'auto', key: '', url: '', model: '' }, {}, 'offline'],
  ['offline by name', { provider: 'offline', model: 'x', key: 'k' }, every, 'offline'],
  ['none by name', { provider: 'none' }, every, 'none'],
  ['a service by name', { provider: 'openai' }, every, `${openai} o (OPENAI_API_KEY)`],
  ['a key of its own', { provider: 'openai', key: ' mine ' }, every, `${openai} mine (settings)`],
  ['Ollama by name', { provider: 'ollama' }, {}, `${ollama} - (settings)`],
  [
    'a model',
    { provider: 'ollama', model: 'hf.co/a/b-GGUF:Q4_K_M' },
    {},
    'ollama hf.co/a/b-GGUF:Q4_K_M http://127.0.0.1:11434 - (settings)',
  ],
  [
    'an address',
    { provider: 'openai', url: 'http://gateway:4000/llm/' },
    every,
    'openai text-embedding-3-small http://gateway:4000/llm o (OPENAI_API_KEY)',
  ],
  [
    'an address with the version',
    { provider: 'openai', url: 'https://gateway/v1/' },
    every,
    'openai text-embedding-3-small https://gateway o (OPENAI_API_KEY)',
  ],
  [
    'a host like the version',
    { provider: 'ollama', url: 'http://api' },
    every,
    'ollama nomic-embed-text http://api - (settings)',
  ],
];

for (const [name, settings, env, expected] of table) {
  test(`chooses ${expected.split(' ')[0]} with ${name}`, () => assert.equal(shown(settings, env), expected));
}

test('reads OLLAMA_HOST as Ollama does', () => {
  const urlOf = (host: string) =>
    (chooseEmbeddings({ provider: 'auto' }, { OLLAMA_HOST: host }) as ChosenService).url;
  for (const [host, url] of [
    ['gpu', 'http://gpu:11434'],
    ['gpu:80', 'http://gpu'],
    ['gpu:1', 'http://gpu:1'],
    [':1234', 'http://127.0.0.1:1234'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:1', 'http://127.0.0.1:1'],
    ['10.0.0.0', 'http://10.0.0.0:11434'],
    ['[::1]', 'http://[::1]:11434'],
    ['[::]:1', 'http://[::1]:1'],
    ['http://gpu', 'http://gpu'],
    ['https://gpu.example/ollama/', 'https://gpu.example/ollama'],
    ['gpu/ollama', 'http://gpu:11434/ollama'],
  ] as const)
    assert.equal(urlOf(host), url, host);
});

test('names the variable that a service without its key needs', () => {
  const nexts = serviceNames
    .filter((provider) => provider !== 'ollama')
    .map((provider) => {
      try {
        return chooseEmbeddings({ provider }, { OTHER: 'x' }).kind;
      } catch (error) {
        const { code, next } = error as { readonly code: string; readonly next: string };
        assert.equal(code, 'CONFIG_INVALID');
        return next;
      }
    });
  assert.deepEqual(nexts, [
    'Set VOYAGE_API_KEY in the environment of the daemon.',
    'Set OPENAI_API_KEY in the environment of the daemon.',
    'Set GEMINI_API_KEY or GOOGLE_API_KEY in the environment of the daemon.',
  ]);
});

const refused: readonly (readonly [EmbeddingSettings, Environment, RegExp])[] = [
  [{ provider: 'auto', key: 'k' }, every, /a key for embeddings is set, and not for which service/],
  [{ provider: 'auto', url: 'https://x' }, every, /a url for embeddings/],
  [{ provider: 'auto', model: 'm' }, {}, /a model for embeddings/],
  [{ provider: 'auto' }, { VOYAGE_API_KEY: 'a b' }, /\(VOYAGE_API_KEY\) has a character/],
  [{ provider: 'openai', key: 'ключ' }, {}, /\(settings\) has a character/],
  [{ provider: 'openai', key: 'k'.repeat(1001) }, {}, /too long/],
  [{ provider: 'ollama', model: '../x?' }, {}, /not a name/],
  [{ provider: 'ollama', model: 'm'.repeat(201) }, {}, /not a name/],
  [{ provider: 'ollama', url: 'gateway:4000' }, {}, /\(settings\) is no http address/],
  [{ provider: 'ollama', url: 'file:///etc' }, {}, /no http address/],
  [{ provider: 'ollama', url: 'http://a:b@c' }, {}, /credentials/],
  [{ provider: 'ollama', url: 'http://c/?x=1' }, {}, /a query/],
  [{ provider: 'auto' }, { OLLAMA_HOST: 'no host' }, /\(OLLAMA_HOST\) is no http address/],
];

test('refuses settings that cannot be meant', () => {
  for (const [settings, env, message] of refused)
    assert.throws(() => chooseEmbeddings(settings, env), { code: 'CONFIG_INVALID', message });
});
