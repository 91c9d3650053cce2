/** The `meta` table of an environment: a few named values, each `[u32 checksum][CBOR]`. */
import { CollabError } from '../base/errors.ts';
import { decodeCbor, encodeCbor } from '../codec/cbor.ts';
import { checksum } from '../codec/checksum.ts';
import type { Table } from './table.ts';

const checksumBytes = 4;

/** What makes a decoded value the expected one. */
export type Guard<T> = (value: unknown) => value is T;

export class MetaTable {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** @throws STORE_DAMAGED when the value fails its checksum or `guard`. */
  get<T>(name: string, guard: Guard<T>): T | undefined {
    const stored = this.#table.get(Buffer.from(name));
    if (stored === undefined) return undefined;
    return decodeMeta(name, stored, guard);
  }

  /** The bytes of a value, for who only wants to know whether it is still the same. */
  stored(name: string): Buffer | undefined {
    return this.#table.get(Buffer.from(name));
  }

  has(name: string): boolean {
    return this.#table.has(Buffer.from(name));
  }

  /** As `get`, for what a store cannot be without. */
  need<T>(name: string, guard: Guard<T>): T {
    const value = this.get(name, guard);
    if (value === undefined) throw damagedMeta(name, 'is missing');
    return value;
  }

  /** Inside `Environment.write` only. */
  put(name: string, value: unknown): void {
    this.#table.put(Buffer.from(name), encodeMeta(name, value));
  }

  remove(name: string): void {
    this.#table.remove(Buffer.from(name));
  }

  clear(): void {
    this.#table.clear();
  }

  /** The names that begin with `prefix`, without it, and their values. */
  *entries<T>(prefix: string, guard: Guard<T>): Generator<readonly [string, T]> {
    const from = Buffer.from(prefix);
    const to = Buffer.concat([from, Buffer.of(0xff)]);
    for (const { key, value } of this.#table.entries({ from, to })) {
      const name = key.toString();
      yield [name.slice(prefix.length), decodeMeta(name, value, guard)];
    }
  }
}

function encodeMeta(name: string, value: unknown): Buffer {
  const body = encodeCbor(value);
  const stored = Buffer.allocUnsafe(checksumBytes + body.length);
  stored.set(body, checksumBytes);
  stored.writeUInt32LE(metaChecksum(name, body), 0);
  return stored;
}

/** @throws STORE_DAMAGED when the value fails its checksum or `guard`. */
export function decodeMeta<T>(name: string, stored: Buffer, guard: Guard<T>): T {
  if (stored.length <= checksumBytes) throw damagedMeta(name, `has ${stored.length} bytes`);
  const body = stored.subarray(checksumBytes);
  if (stored.readUInt32LE(0) !== metaChecksum(name, body)) throw damagedMeta(name, 'fails its checksum');
  let value: unknown;
  try {
    value = decodeCbor(body);
  } catch (cause) {
    throw damagedMeta(name, 'is not CBOR', cause);
  }
  if (!guard(value)) throw damagedMeta(name, 'has the wrong form');
  return value;
}

/** Undefined when the value is not what it should be: who wants to know what is wrong decodes it by itself. */
export function tryDecodeMeta<T>(name: string, stored: Buffer, guard: Guard<T>): T | undefined {
  try {
    return decodeMeta(name, stored, guard);
  } catch {
    return undefined;
  }
}

/** Seeded with the name, so that a value under another name is found too. */
function metaChecksum(name: string, body: Uint8Array): number {
  return checksum(checksum(0, Buffer.from(name)), body);
}

function damagedMeta(name: string, what: string, cause?: unknown): CollabError {
  return new CollabError('STORE_DAMAGED', `the meta value "${name}" of a store ${what}`, {
    next: 'Run agent-collab verify --repair.',
    details: { meta: name },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

/**
 * Checks the schema number of a store, or writes it into a new one.
 * @throws SCHEMA_NEWER when a newer version wrote it, STORE_DAMAGED when it is lower than any we know.
 */
export function checkSchema(meta: MetaTable, current: number, directory: string): void {
  const schema = meta.need('schema', isCount);
  if (schema > current) {
    throw new CollabError(
      'SCHEMA_NEWER',
      `${directory} has schema ${schema}, this version knows ${current}`,
      {
        next: 'Install the newest agent-collab, or restore a backup made by this version.',
        details: { directory, schema, known: current },
      },
    );
  }
  if (schema !== current) {
    throw new CollabError('STORE_DAMAGED', `${directory} has the unknown schema ${schema}`, {
      details: { directory, schema },
    });
  }
}
