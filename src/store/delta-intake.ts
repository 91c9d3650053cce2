/**
 * The door to a log: gives positions to what comes in, and refuses what does not fit the chain of its source, before
 * anything is queued. Behind it a record is never refused.
 */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { maxDeltaBytes } from '../base/limits.ts';
import { publicKeyFromNodeId } from '../codec/node-id.ts';
import { type Delta, deltaId } from '../delta/delta.ts';
import { decodeDeltaBody, encodeDeltaBody } from '../delta/delta-body.ts';
import { deltaHash, genesisHash, verifyHash } from '../delta/delta-frame.ts';
import type { ChainHead, ForeignDelta } from '../delta/foreign-delta.ts';
import type { LogRecord } from '../delta/log-record.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import type { IncomingDelta } from './delta-store.ts';

/** What `admit` found out. Nothing has changed until `take` is called. */
export interface Admission {
  readonly records: readonly LogRecord[];
  /** The deltas of `records`, one by one. */
  readonly deltas: readonly Delta[];
  readonly duplicates: number;
  /** Moves the heads: call it when the records are safe where they belong, and before the next `admit`. */
  take(): void;
}

const genesis: ChainHead = { seq: 0, hash: genesisHash };

export class DeltaIntake {
  readonly #heads: Map<NodeId, ChainHead>;
  readonly #unhashed: NodeId | undefined;
  #position: Position;

  /** @param unhashed the source whose chain another thread computes: its own node's, whose deltas need no check. */
  constructor(head: Position, sources: ReadonlyMap<NodeId, ChainHead>, unhashed?: NodeId) {
    this.#position = head;
    this.#heads = new Map(sources);
    this.#unhashed = unhashed;
  }

  /** Newest position given. */
  get head(): Position {
    return this.#position;
  }

  /**
   * Checks a batch as a whole. A delta at or below its source's head is a duplicate and ignored: the first one counts, and a fork
   * shows at the latest in the delta that builds on it.
   * @throws SEQ_GAP, CHAIN_BROKEN, DELTA_TOO_LARGE.
   */
  admit(incoming: readonly IncomingDelta[]): Admission {
    const heads = new Map<NodeId, ChainHead>();
    const records: LogRecord[] = [];
    const deltas: Delta[] = [];
    let duplicates = 0;
    let position = this.#position;
    for (const item of incoming) {
      const { source, seq, time, id } = item.delta;
      assert(id === deltaId(source, seq), `the id ${id} does not fit ${source}:${seq}`);
      const head = heads.get(source) ?? this.#heads.get(source) ?? genesis;
      if (seq <= head.seq) {
        duplicates++;
        continue;
      }
      if (seq !== head.seq + 1) throw gap(source, seq, head.seq);
      const body = bodyOf(item);
      position = (position + 1) as Position;
      deltas.push(item.delta);
      if (source === this.#unhashed) {
        records.push({ position, source, seq, time, body });
        heads.set(source, { seq, hash: genesisHash });
        continue;
      }
      const hash = deltaHash(head.hash, body);
      checkChain(item, head, hash);
      records.push({ position, source, seq, time, body, prev: head.hash, signature: item.signature });
      heads.set(source, { seq, hash });
    }
    return { records, deltas, duplicates, take: this.#taker(position, heads) };
  }

  #taker(position: Position, heads: ReadonlyMap<NodeId, ChainHead>): () => void {
    const before = this.#position;
    return () => {
      assert(this.#position === before, 'an admission is taken once, and before the next one is asked for');
      this.#position = position;
      for (const [source, head] of heads) this.#heads.set(source, head);
    };
  }

  /**
   * As `admit`, for what another thread has checked: the chain is compared, nothing is decoded or hashed again.
   * @throws SEQ_GAP, CHAIN_BROKEN.
   */
  admitForeign(incoming: readonly ForeignDelta[]): Omit<Admission, 'deltas'> {
    const heads = new Map<NodeId, ChainHead>();
    const records: LogRecord[] = [];
    let duplicates = 0;
    let position = this.#position;
    for (const { source, seq, time, body, prev, hash, signature } of incoming) {
      assert(source !== this.#unhashed, 'what this node wrote itself comes from nowhere else');
      const head = heads.get(source) ?? this.#heads.get(source) ?? genesis;
      if (seq <= head.seq) {
        duplicates++;
        continue;
      }
      if (seq !== head.seq + 1) throw gap(source, seq, head.seq);
      if (Buffer.compare(prev, head.hash) !== 0) throw broken(source, seq, 'does not name its predecessor');
      position = (position + 1) as Position;
      records.push({ position, source, seq, time, body, prev, signature });
      heads.set(source, { seq, hash });
    }
    return { records, duplicates, take: this.#taker(position, heads) };
  }

  /** The source goes on behind `head`: what it wrote before is to be had nowhere any more. False when it is that far already. */
  skip(source: NodeId, head: ChainHead): boolean {
    assert(source !== this.#unhashed, 'this node has all of its own deltas, or knows that they are lost');
    if (head.seq <= (this.#heads.get(source) ?? genesis).seq) return false;
    this.#heads.set(source, head);
    return true;
  }

  /** Where the sources stand; of this node's own the hash is not known here. */
  heads(): ReadonlyMap<NodeId, ChainHead> {
    return this.#heads;
  }

  vector(): VersionVector {
    const vector: Record<NodeId, number> = {};
    for (const [source, { seq }] of this.#heads) if (seq > 0) vector[source] = seq;
    return vector;
  }
}

function bodyOf({ delta, body }: IncomingDelta): Uint8Array {
  if (body === undefined) return encodeDeltaBody(delta);
  if (body.length <= maxDeltaBytes) {
    // Bytes that say something else than the delta would be found by nobody until they are read back.
    const told = decodeDeltaBody(body);
    assert(told.id === delta.id && told.time === delta.time, `the body is not that of ${delta.id}`);
    return body;
  }
  throw new CollabError(
    'DELTA_TOO_LARGE',
    `the delta has ${body.length} bytes, the limit is ${maxDeltaBytes}`,
    {
      next: 'Share a shorter text, or split it.',
      details: { bytes: body.length, limit: maxDeltaBytes },
    },
  );
}

function checkChain({ delta, prev, signature }: IncomingDelta, head: ChainHead, hash: Uint8Array): void {
  if (prev !== undefined && Buffer.compare(prev, head.hash) !== 0)
    throw broken(delta.source, delta.seq, 'does not name its predecessor');
  if (signature !== undefined && !verifyHash(hash, signature, publicKeyObject(delta.source)))
    throw broken(delta.source, delta.seq, 'has a wrong signature');
}

const keyObjects = new Map<NodeId, KeyObject>();

/** The Ed25519 key that a node id stands for; kept, since building one costs as much as a verification. */
export function publicKeyObject(source: NodeId): KeyObject {
  let key = keyObjects.get(source);
  if (key === undefined) {
    const x = Buffer.from(publicKeyFromNodeId(source)).toString('base64url');
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    keyObjects.set(source, key);
  }
  return key;
}

function gap(source: NodeId, seq: number, head: number): CollabError {
  return new CollabError('SEQ_GAP', `delta ${seq} of ${source} came after ${head}`, {
    next: 'Fetch the deltas between them first.',
    details: { source, seq, head },
  });
}

function broken(source: NodeId, seq: number, what: string): CollabError {
  return new CollabError('CHAIN_BROKEN', `delta ${seq} of ${source} ${what}`, {
    next: 'Do not forward it; evict the peer that sent it if it goes on.',
    details: { source, seq },
  });
}
