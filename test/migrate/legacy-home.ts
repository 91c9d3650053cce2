/** Writes data directories as the older program did: same files, same spelling of JSON, Go's. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeKeyDocument, NodeKey } from '../../src/home/node-key.ts';

export interface LegacyDocumentSample {
  readonly id: string;
  readonly collection?: string;
  readonly content: string;
  readonly dimension?: number;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly filePath?: string;
  readonly createdAt?: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** The text of encoding/json: indented by two, no line end, `<`, `>` and `&` escaped. */
export function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function documentOf(sample: LegacyDocumentSample): Readonly<Record<string, unknown>> {
  const { id, collection = '', content, dimension = 8, metadata = null, filePath } = sample;
  const createdAt = sample.createdAt ?? '2026-11-23T17:04:36.692820899+09:00';
  return {
    id,
    collection,
    content,
    embedding: embeddingOf(id, dimension),
    metadata,
    ...(filePath === undefined ? {} : { file_path: filePath }),
    hash: createHash('md5').update(content).digest('hex'),
    ...sample.more,
    created_at: createdAt,
    updated_at: createdAt,
  };
}

/** As the mock made them: bytes of a hash over and over, divided by 255, as float32. */
function embeddingOf(id: string, dimension: number): readonly number[] {
  const bytes = createHash('sha256').update(id).digest();
  return Array.from({ length: dimension }, (_, at) =>
    Number(Math.fround((bytes[at % bytes.length] ?? 0) / 255).toPrecision(8)),
  );
}

export function collectionText(name: string, samples: readonly LegacyDocumentSample[]): string {
  return goJson({
    name,
    dimension: 1536,
    documents: Object.fromEntries(samples.map((sample) => [sample.id, documentOf(sample)])),
    created_at: '2026-11-23T17:04:36.692819958+09:00',
    updated_at: '2026-11-23T17:04:36.69282829+09:00',
  });
}

/** Go writes map keys sorted and a struct's fields in their order, times with nanoseconds and without trailing zeros. */
export function metricLine(at: number, extra: Readonly<Record<string, unknown>> = {}): string {
  const id = `rec-${at.toString(16).padStart(16, '0')}`;
  const nanoseconds = String(693_942_614 + at).padStart(9, '0');
  const timestamp = `2026-11-23T17:04:36.${nanoseconds}+09:00`;
  return JSON.stringify({
    id,
    category: 'embedding',
    tokens: 10 + at,
    model: 'mock-embedding',
    timestamp,
    ...extra,
  });
}

export const sampleDocuments: readonly LegacyDocumentSample[] = [
  {
    id: 'doc-1f19ad9489780bfd',
    content: 'connection pool leak fixed',
    filePath: 'src/f1.go',
    createdAt: '2026-11-23T17:04:36.692824795+09:00',
  },
  {
    id: 'doc-454e4ce6ea43b410',
    content: '커넥션 풀 수정 & 정리',
    filePath: 'src/f2.go',
    createdAt: '2026-11-23T17:04:36.69282829+09:00',
  },
  {
    id: 'doc-c8c4f930a20369fd',
    content: 'JWT validation added to <auth>',
    metadata: { agent: 'alice', tags: ['a', 'b'] },
    filePath: 'src/f0.go',
    createdAt: '2026-11-23T17:04:36.692820899+09:00',
    more: { hash: 'c8c4f930a20369fdc4babd35d61bfacc' },
  },
];

/** Over one batch, so that a kill between two of them is possible. */
export const manyDocuments: readonly LegacyDocumentSample[] = [
  ...sampleDocuments,
  ...Array.from({ length: 300 }, (_, at) => ({
    id: `more-${String(at).padStart(3, '0')}`,
    content: `more ${at} ${'x'.repeat(at)}`,
    filePath: `src/m${at % 7}.go`,
    dimension: 3,
  })),
];

/** Of the tests: 32 bytes that are no secret. */
export const sampleKey = NodeKey.fromSeed(createHash('sha256').update('the key of a test').digest());

export function writeKey(home: string): void {
  writeFileSync(join(home, 'key.json'), goJson(encodeKeyDocument(sampleKey)), { mode: 0o600 });
}

/** What v0.4.0 leaves behind when three contexts were shared, with its key. */
export function writeLegacyHome(
  home: string,
  {
    documents = sampleDocuments,
    key = true,
  }: { documents?: readonly LegacyDocumentSample[]; key?: boolean } = {},
): void {
  for (const name of ['vectors', 'metrics', 'badger/delta', 'badger/audit'])
    mkdirSync(join(home, name), { recursive: true, mode: 0o755 });
  if (key) writeKey(home);
  writeFileSync(join(home, 'config.json'), goJson(legacyConfig));
  writeFileSync(join(home, '.migration_completed'), 'Migration completed at 2026-11-23T17:04:36+09:00\n');
  writeFileSync(join(home, 'vectors', 'default.json'), collectionText('default', documents));
  const lines = Array.from({ length: 5 }, (_, at) => `${metricLine(at)}\n`);
  writeFileSync(join(home, 'metrics', 'usage_2026-11-23.jsonl'), lines.join(''));
}

export const legacyConfig = {
  project_name: 'demo',
  data_dir: '/somewhere/else/.agent-collab',
  listen_port: 0,
  listen_addrs: ['/ip4/127.0.0.1/tcp/40001', '/ip4/127.0.0.1/udp/40002/quic-v1'],
  bootstrap: [],
};
