/** One document of a `vectors/<name>.json` of the older program, taken apart tolerantly: what is missing or odd in it costs that part only. */

export interface LegacyDocument {
  readonly id: string;
  /** Its `collection`, which the older program mostly left empty: then the name of the file. */
  readonly collection: string;
  /** Out of its JSON wrapping, when it had one. */
  readonly content: string;
  readonly wrapped: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Numbers of its embedding; the embedding itself came from a mock and is dropped. */
  readonly dimension: number;
  readonly filePath: string | undefined;
  /** `start_line`, `language`, `hash`, `created_at` and the like, as they stand. */
  readonly attributes: Readonly<Record<string, string | number>>;
  /** RFC 3339 as it stands, '' when it has none. */
  readonly createdAt: string;
}

/** A document with nothing in it to import. */
export interface Unreadable {
  readonly why: string;
  /** Its text is no JSON, so that where it ends is doubtful too. */
  readonly isTorn: boolean;
}

/** What every document of a file shares. */
export interface DocumentPlace {
  /** Key of the document in the file. */
  readonly key: string;
  /** The file's name without `.json`. */
  readonly collection: string;
}

const attributeNames = [
  'hash',
  'start_line',
  'end_line',
  'language',
  'symbol_type',
  'symbol_name',
  'created_at',
  'updated_at',
] as const;

export function readLegacyDocument(text: string, place: DocumentPlace): LegacyDocument | Unreadable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'it is not JSON', isTorn: true };
  }
  if (!isRecord(value)) return { why: 'it is not an object', isTorn: false };
  if (holdsDocuments(value)) return { why: 'a bracket is missing: others lie inside of it', isTorn: true };
  if (typeof value.content !== 'string') return { why: 'it has no content', isTorn: false };
  const inner = unwrap(value.content);
  const content = inner ?? value.content;
  if (content.trim() === '') return { why: 'its content is empty', isTorn: false };
  return {
    id: textOf(value.id) ?? place.key,
    collection: textOf(value.collection) ?? place.collection,
    content: wellFormed(content),
    wrapped: inner !== undefined,
    metadata: isRecord(value.metadata) ? value.metadata : {},
    dimension: Array.isArray(value.embedding) ? value.embedding.length : 0,
    filePath: textOf(value.file_path),
    attributes: attributesOf(value),
    createdAt: textOf(value.created_at) ?? '',
  };
}

/** Where the bracket that ends its metadata is missing, the documents behind it become members of it, and all of it is still JSON. */
function holdsDocuments(value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(value).some(([key, member]) => isRecord(member) && member.id === key);
}

/** The older program stored some contexts twice, once as the JSON `{"content":"…"}` that its tool had been called with. */
function unwrap(content: string): string | undefined {
  if (!/^\s*\{/.test(content)) return undefined;
  try {
    const value: unknown = JSON.parse(content);
    const isWrapping =
      isRecord(value) && Object.keys(value).length === 1 && typeof value.content === 'string';
    return isWrapping ? (value.content as string) : undefined;
  } catch {
    // A text that only looks like JSON is the content itself.
    return undefined;
  }
}

function attributesOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string | number>> {
  const found: Record<string, string | number> = {};
  for (const name of attributeNames) {
    const it = textOf(value[name]) ?? value[name];
    if ((typeof it === 'string' && it !== '') || (typeof it === 'number' && it !== 0)) found[name] = it;
  }
  return found;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? wellFormed(value) : undefined;
}

/** JSON can spell half of a character, `"\ud83d"`; UTF-8, in which everything is stored, cannot. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Oldest first, then by id. RFC 3339 with nine digits of a second and any offset: milliseconds are not enough to tell apart what a
 * program wrote in a row, so the fraction is compared as text behind them.
 */
export function compareByAge(a: AgedDocument, b: AgedDocument): number {
  return (
    compare(a.collection, b.collection) ||
    a.createdSeconds - b.createdSeconds ||
    compare(a.createdFraction, b.createdFraction) ||
    compare(a.id, b.id) ||
    compare(a.file, b.file) ||
    a.from - b.from
  );
}

export interface AgedDocument {
  readonly collection: string;
  readonly createdSeconds: number;
  readonly createdFraction: string;
  readonly id: string;
  readonly file: string;
  readonly from: number;
}

/** What is no time counts as the oldest. */
export function ageOf(createdAt: string): {
  readonly createdSeconds: number;
  readonly createdFraction: string;
} {
  const ms = Date.parse(createdAt);
  const [, fraction = ''] = /\.(\d+)/.exec(createdAt) ?? [];
  return {
    createdSeconds: Number.isNaN(ms) ? 0 : Math.floor(ms / 1000),
    createdFraction: fraction.padEnd(9, '0'),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
