/** Writing the delta log: the persist lane's side of `delta/` (log-view.ts draws the layout). */
import assert from 'node:assert/strict';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import {
  DeltaFrame,
  decodeDeltaFrame,
  encodeDeltaFrame,
  genesisHash,
  hashBytes,
  maxFrameBytes,
} from '../delta/delta-frame.ts';
import type { LogRecord } from '../delta/log-record.ts';
import { type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts';
import {
  deltaSchema,
  isText,
  type LogState,
  LogView,
  lostPrefix,
  type SourceHead,
  sourcePrefix,
} from './log-view.ts';
import { isLostMarker } from './lost-marker.ts';
import { checkSchema, isCount } from './meta-table.ts';
import { positionKey, positionKeyBytes } from './store-keys.ts';

export interface DeltaLogOptions {
  /** The node that owns the log; its own deltas are the ones that get signed. */
  readonly node: NodeId;
  readonly mapSizeBytes?: number;
  readonly create?: boolean;
}

export interface AppendResult {
  /** Newest position in the log, which is committed and flushed. */
  readonly head: Position;
  /** Records written; those that were in the log already are not counted. */
  readonly written: number;
  /** The newest own delta of the batch and the signature on its hash, which vouches for all own deltas before it. */
  readonly signed: SignedHead | undefined;
}

export interface SignedHead {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** Ed25519 over a delta's hash, with the node's key. */
export type SignHash = (hash: Uint8Array) => Uint8Array;

/** Opens, and on first use creates, the environment of the delta log. */
export function openDeltaEnvironment(
  directory: string,
  options: Omit<EnvironmentOptions, 'durability'> = {},
): Environment {
  // The log is the truth: a commit returns when it is on disk.
  return openEnvironment(directory, { ...options, durability: 'flush' });
}

export class DeltaLogWriter {
  readonly view: LogView;
  readonly #environment: Environment;
  readonly #node: NodeId;
  /** LMDB copies key and value before `append` returns, so one piece of memory serves every record. */
  readonly #frame = Buffer.allocUnsafeSlow(maxFrameBytes);
  readonly #key = Buffer.allocUnsafeSlow(positionKeyBytes);

  private constructor(environment: Environment, view: LogView, node: NodeId) {
    this.#environment = environment;
    this.view = view;
    this.#node = node;
  }

  /** @throws SCHEMA_NEWER, KEY_INVALID when another node owns the log, STORE_DAMAGED, STORE_UNAVAILABLE. */
  static async open(directory: string, options: DeltaLogOptions): Promise<DeltaLogWriter> {
    const environment = openDeltaEnvironment(directory, { ...options, writer: true });
    try {
      const view = new LogView(environment);
      environment.write(() => createOrCheck(view, options.node, directory));
      return new DeltaLogWriter(environment, view, options.node);
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  /**
   * Writes records in one transaction and returns when they are on disk. Records that the log has already (a lane that
   * died between its commit and its release sees them again) are skipped, after a look that they are the same.
   *
   * Whoever queues a record has checked it. A record that does not fit here is a defect or a damaged store: nothing of the
   * batch is written, and since its position is spoken for, the lane cannot go on; it reports and the daemon turns read-only.
   * @throws CHAIN_BROKEN, STORE_DAMAGED, STORE_UNAVAILABLE.
   */
  append(records: readonly LogRecord[], sign?: SignHash): AppendResult {
    return this.#environment.writeRepeatable(() => this.#append(records, sign));
  }

  /**
   * The source goes on behind `seq`, whose hash is `hash`: what it wrote before, and this log has not, is to be had nowhere any more and
   * counts as lost. Does nothing when the log is that far already, so that it may be applied again.
   */
  skip(source: NodeId, seq: number, hash: Uint8Array): void {
    assert(isCount(seq) && hash.length === hashBytes && source !== this.#node);
    this.#environment.write(() => {
      const { meta } = this.view;
      const head = this.view.source(source);
      if (seq <= head.seq) return;
      meta.put(lostPrefix + source, [...this.view.lostSeqs(source), [head.seq + 1, seq]]);
      meta.put(sourcePrefix + source, { ...head, seq, hash });
    });
  }

  /**
   * Makes sure that no fence up to `upTo` is ever given again. Returns the floor, which never falls.
   * @param auditNewest time of the newest audit event, as at every start: what the trail must hold at the next one.
   */
  reserveFences(upTo: number, auditNewest?: number): number {
    assert(isCount(upTo), 'a fence is a whole number');
    return this.#environment.write(() => {
      if (auditNewest !== undefined) this.view.meta.put('auditNewest', auditNewest);
      const fence = Math.max(upTo, this.view.meta.get('fence', isCount) ?? 0);
      this.view.meta.put('fence', fence);
      return fence;
    });
  }

  /** What the main thread needs at start. */
  headState(): LogState {
    this.#environment.refresh();
    return this.view.state();
  }

  diskBytes(): number {
    return this.#environment.diskBytes();
  }

  close(): Promise<void> {
    return this.#environment.close();
  }

  #append(records: readonly LogRecord[], sign: SignHash | undefined): AppendResult {
    const { meta, log } = this.view;
    const before = this.view.head();
    const fresh = records.filter((record) => record.position > before);
    for (const record of records) if (record.position <= before) this.#checkSame(record);
    if (fresh.length === 0) return { head: before, written: 0, signed: undefined };

    const newestOwn = sign === undefined ? undefined : fresh.findLast(({ source }) => source === this.#node);
    const tips = new Map<NodeId, Tip>();
    let clock = (meta.get('clock', isCount) ?? 0) as HlcTime;
    let position = before;
    let signed: SignedHead | undefined;
    for (const record of fresh) {
      position = (position + 1) as Position;
      // The text is made only when it is needed: made for each record it would cost a tenth of the whole.
      if (record.position !== position) assert.fail(`position ${record.position} follows ${position - 1}`);
      const tip: Tip = tips.get(record.source) ?? { ...this.view.source(record.source) };
      tips.set(record.source, tip);
      checkLink(record, tip);
      let frame = encodeDeltaFrame(position, tip.hash, record.body, record.signature, this.#frame);
      const hash = new DeltaFrame(frame, frame.length - (record.signature?.length ?? 0)).hash;
      if (record === newestOwn && sign !== undefined) {
        signed = { seq: record.seq, hash, signature: sign(hash) };
        frame = encodeDeltaFrame(position, tip.hash, record.body, signed.signature, this.#frame);
      }
      log.append(positionKey(position, this.#key), frame);
      tip.seq = record.seq;
      tip.hash = hash;
      if (record.time > clock) clock = record.time;
    }
    for (const [source, tip] of tips) meta.put(sourcePrefix + source, tip);
    meta.put('clock', clock);
    meta.put('head', position);
    failpoint('log.append');
    return { head: position, written: fresh.length, signed };
  }

  /** A record at a position that compaction has taken since, or that a repair gave up, cannot be compared any more. */
  #checkSame(record: LogRecord): void {
    const stored = this.view.frame(record.position);
    if (stored === undefined && record.position < this.view.floor()) return;
    if (stored !== undefined && isLostMarker(record.position, stored)) return;
    const same =
      stored !== undefined &&
      Buffer.compare(decodeDeltaFrame(record.position, stored).body, record.body) === 0;
    if (same) return;
    throw new CollabError('STORE_DAMAGED', `position ${record.position} of the log holds another delta`, {
      next: 'Run agent-collab verify --repair.',
      details: { position: record.position, source: record.source, seq: record.seq },
    });
  }
}

/** A source's head while a batch is written. */
type Tip = { -readonly [Field in keyof SourceHead]: SourceHead[Field] };

function checkLink(record: LogRecord, head: Readonly<Tip>): void {
  const { source, seq, prev, position } = record;
  if (seq !== head.seq + 1)
    assert.fail(`seq ${seq} of ${source} follows ${head.seq} at position ${position}`);
  if (prev === undefined || Buffer.compare(prev, head.hash) === 0) return;
  throw new CollabError('CHAIN_BROKEN', `delta ${seq} of ${source} does not name its predecessor`, {
    next: 'Evict the peer that sent it, or report a defect of agent-collab.',
    details: { source, seq, position },
  });
}

function createOrCheck(view: LogView, node: NodeId, directory: string): void {
  const { meta } = view;
  if (meta.get('schema', isCount) === undefined && view.log.isEmpty()) {
    meta.put('schema', deltaSchema);
    meta.put('node', node);
    meta.put('head', 0);
    meta.put('floor', 1);
    meta.put('trimmed', 1);
    meta.put(sourcePrefix + node, { seq: 0, hash: genesisHash, floorSeq: 0, floorHash: genesisHash });
    return;
  }
  checkSchema(meta, deltaSchema, directory);
  const owner = meta.need('node', isText);
  if (owner === node) return;
  throw new CollabError('KEY_INVALID', `the log in ${directory} belongs to node ${owner}, not to ${node}`, {
    next: 'Put the key.json back that this directory was made with, or use an empty AGENT_COLLAB_HOME.',
    details: { directory, owner, node },
  });
}
