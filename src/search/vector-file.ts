/**
 * The vectors of shared context on disk, so that a start does not make them again. Derived: the log has what they were made of, so the
 * file is never synced, and whatever cannot be read of it is made anew.
 *
 * A header, `agent-collab vectors 1\n{"model":"…","dimension":512,"passages":1}\n`, then records of one length:
 * `[CRC-32, 4 bytes] [bytes of the key, 2] [0, 2] [key, 112 bytes, padded with 0] [dimension × 4 bytes]`, little-endian. A record is appended
 * when its vector was made, so a share never waits for it; what a crash has torn is the end, and is cut off by the next start.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { passageVersion } from './passages.ts';

const magic = 'agent-collab vectors 1\n';
const keyBytes = 112;
const headBytes = 8 + keyBytes;

export interface VectorFileOptions {
  readonly path: string;
  readonly model: string;
}

export class VectorFile {
  readonly #path: string;
  readonly #model: string;
  #fd: number | undefined;
  #dimension = 0;
  /** Records in it, of which some may be of contexts that are gone. */
  #records = 0;

  constructor({ path, model }: VectorFileOptions) {
    this.#path = path;
    this.#model = model;
  }

  get records(): number {
    return this.#records;
  }

  /** What is in it, by key; empty when it is of another model, damaged in its header, or not there. */
  load(): { readonly dimension: number; readonly vectors: Map<string, Float32Array> } {
    const vectors = new Map<string, Float32Array>();
    const bytes = readIfThere(this.#path);
    const header = bytes === undefined ? undefined : parseHeader(bytes);
    if (
      bytes === undefined ||
      header === undefined ||
      header.model !== this.#model ||
      header.passages !== passageVersion
    )
      return { dimension: 0, vectors };
    const size = headBytes + 4 * header.dimension;
    let offset = header.bytes;
    for (; offset + size <= bytes.length; offset += size) {
      const record = bytes.subarray(offset, offset + size);
      if (crc32(record.subarray(4)) !== record.readUInt32LE(0)) break;
      const key = record.toString('utf8', 8, 8 + record.readUInt16LE(4));
      const vector = new Float32Array(header.dimension);
      Buffer.from(vector.buffer).set(record.subarray(headBytes));
      vectors.set(key, vector);
      this.#records += 1;
    }
    this.#open(header.dimension, 'r+');
    if (offset < bytes.length && this.#fd !== undefined) ftruncateSync(this.#fd, offset);
    this.#reopen();
    return { dimension: header.dimension, vectors };
  }

  /** @throws the error of the file system. A key that is too long is left out: its vector is made again by the next start. */
  append(entries: readonly (readonly [key: string, vector: Float32Array])[]): void {
    const [first] = entries;
    if (first === undefined) return;
    if (this.#fd === undefined) this.#begin(first[1].length);
    const records = entries.flatMap(([key, vector]) => recordOf(key, vector, this.#dimension));
    if (records.length > 0) writeWhole(this.#fd as number, Buffer.concat(records));
    this.#records += records.length;
  }

  /** Writes the file anew with these alone. */
  rewrite(vectors: Iterable<readonly [key: string, vector: Float32Array]>): void {
    const entries = [...vectors];
    this.close();
    this.#records = 0;
    const path = this.#path;
    const temporary = new VectorFile({ path: `${path}.new`, model: this.#model });
    rmSync(`${path}.new`, { force: true });
    temporary.append(entries);
    temporary.close();
    if (entries.length === 0) rmSync(path, { force: true });
    else renameSync(`${path}.new`, path);
    this.#dimension = temporary.#dimension;
    this.#records = temporary.#records;
    if (entries.length > 0) this.#reopen();
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #begin(dimension: number): void {
    this.#open(dimension, 'w');
    const about = JSON.stringify({ model: this.#model, dimension, passages: passageVersion });
    writeWhole(this.#fd as number, Buffer.from(`${magic}${about}\n`));
    this.#records = 0;
  }

  #open(dimension: number, flags: 'w' | 'r+' | 'a'): void {
    this.close();
    this.#fd = openSync(this.#path, flags, 0o600);
    this.#dimension = dimension;
  }

  #reopen(): void {
    this.#open(this.#dimension, 'a');
  }
}

function parseHeader(bytes: Buffer) {
  if (bytes.toString('latin1', 0, magic.length) !== magic) return undefined;
  const end = bytes.indexOf(10, magic.length);
  if (end === -1 || end > magic.length + 1000) return undefined;
  try {
    const { model, dimension, passages } = JSON.parse(bytes.toString('utf8', magic.length, end)) as Record<
      string,
      unknown
    >;
    if (typeof dimension !== 'number' || !Number.isInteger(dimension) || dimension < 1 || dimension > 65_536)
      return undefined;
    return { model, dimension, passages, bytes: end + 1 };
  } catch {
    return undefined;
  }
}

function recordOf(key: string, vector: Float32Array, dimension: number): readonly Buffer[] {
  const name = Buffer.from(key);
  if (name.length > keyBytes || vector.length !== dimension) return [];
  const record = Buffer.alloc(headBytes + 4 * dimension);
  record.writeUInt16LE(name.length, 4);
  record.set(name, 8);
  record.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), headBytes);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return [record];
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}
