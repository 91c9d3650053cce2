/** Writes anew what can be had of a delta log. */
import type { NodeId } from '../base/ids.ts';
import type { Delta } from '../delta/delta.ts';
import { type DeltaFrame, decodeDeltaFrame, verifyHash } from '../delta/delta-frame.ts';
import { publicKeyObject } from './delta-intake.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import type { Environment } from './environment.ts';
import { KnownMeta } from './known-meta.ts';
import { bodyOf, deltaSchema, LogView, lostPrefix, sourcePrefix } from './log-view.ts';
import { encodeLostMarker, isLostMarker } from './lost-marker.ts';
import { Chains } from './repair-chains.ts';
import { numberOf, Salvage, type SalvagedEntry, type SalvagedTable, type ScannedPage } from './salvage.ts';
import { positionKey, positionOfKey } from './store-keys.ts';

/** What others know of the log, and no repaired log may fall below. */
export interface LogWitness {
  readonly head?: number;
  /** How far the index went: a moment's work behind the log, or much more. */
  readonly indexed?: number;
  readonly fence?: number;
  readonly auditNewest?: number;
}

export interface RepairedLog {
  /** Deltas that could not be had any more. */
  readonly lost: number;
  /** True when there may have been more, behind the last one that anything tells of. */
  readonly atLeast: boolean;
  readonly head: number;
  /** Bytes that stood where a record should be, for whoever wants to look at them. */
  readonly remains: readonly Remains[];
}

interface Remains {
  readonly position: number;
  readonly bytes: Buffer;
}

const batchBytes = 4 * 1024 * 1024;
/** More than this is not kept apart: it stands in the damaged file, which is kept. */
const mostRemains = 1000;
/**
 * Positions that are left empty where nothing tells how far the log went, so that none is given twice: the most that the persist lane
 * commits at once. With them go as many of the node's own seqs.
 */
export const skippedPositions = 4096;
/** How far to look for the record of the same source before or behind one. */
const mostLookedAt = 1000;

/** @param fresh a directory that does not exist yet. */
export async function repairLog(
  directory: string,
  fresh: string,
  node: NodeId | undefined,
  witness: LogWitness,
  onProgress: (done: number, total: number) => void,
): Promise<RepairedLog> {
  const salvage = Salvage.open(directory);
  const environment = openDeltaEnvironment(fresh, { writer: true });
  try {
    return new LogRepair(salvage, environment, node, witness, onProgress).run();
  } finally {
    salvage?.close();
    await environment.close();
  }
}

/** Above that of any transaction. */
const liveRank = 2 ** 52;
/** A leaf of the table. */
const inPlace: ScannedPage = { state: 'live', transaction: 1 };

interface Candidate {
  readonly value: Buffer;
  /** The highest is the likeliest. */
  readonly rank: number;
}

class LogRepair {
  readonly #salvage: Salvage | undefined;
  readonly #environment: Environment;
  readonly #view: LogView;
  readonly #known: KnownMeta;
  readonly #node: NodeId | undefined;
  readonly #witness: LogWitness;
  readonly #onProgress: (done: number, total: number) => void;
  readonly #remains: Remains[] = [];
  #table: SalvagedTable = { damagedLeaves: [], cutOff: true };

  constructor(
    salvage: Salvage | undefined,
    environment: Environment,
    node: NodeId | undefined,
    witness: LogWitness,
    onProgress: (done: number, total: number) => void,
  ) {
    this.#salvage = salvage;
    this.#environment = environment;
    this.#view = new LogView(environment);
    this.#known = new KnownMeta(salvage);
    this.#node = this.#known.node(node);
    this.#witness = witness;
    this.#onProgress = onProgress;
  }

  run(): RepairedLog {
    const floor = this.#floor();
    const last = this.#copy(floor);
    const told = this.#known.count('head') ?? 0;
    const { head: sure, indexed = 0 } = this.#witness;
    const seen = Math.max(last, told, this.#lastCutOff(), sure ?? 0, indexed, floor - 1);
    this.#fill(floor, seen);
    this.#dropWrong(floor, seen);
    const atLeast = sure === undefined && this.#endIsUnknown();
    const skipped = atLeast ? skippedPositions : 0;
    const head = seen + skipped;
    const chains = this.#markLost(floor, head);
    this.#writeMeta(floor, head, chains);
    return { lost: chains.lost - skipped, atLeast, head, remains: this.#remains };
  }

  /** When only the end of the file knew. */
  #endIsUnknown(): boolean {
    return this.#known.sureCount('head') === undefined && this.#salvage?.isCut !== false;
  }

  /** When the value is gone: the first record that retention has not dropped, or an older value when that may be lost too. */
  #floor(): number {
    const sure = this.#known.sureCount('floor');
    if (sure !== undefined && sure > 0) return sure;
    let first = Number.POSITIVE_INFINITY;
    const take = (entry: SalvagedEntry) => {
      const position = numberOf(entry);
      const record = position < first ? readRecord(position, entry.value) : undefined;
      if (record !== undefined && !this.#known.isDropped(record.delta)) first = position;
    };
    const table = this.#salvage?.walk('log', take);
    const told = this.#known.count('floor') || undefined;
    const isWhole = table !== undefined && !table.cutOff && table.damagedLeaves.length === 0;
    if (!isWhole && told === undefined) this.#salvage?.scan(take);
    if (Number.isFinite(first)) return isWhole ? first : Math.min(first, told ?? first);
    return isWhole ? (this.#known.count('head') ?? 0) + 1 : (told ?? 1);
  }

  /** What sound pages lead to. Returns the last position. */
  #copy(floor: number): number {
    const { log } = this.#view;
    const total = this.#salvage?.count('log') ?? 0;
    let last = floor - 1;
    let done = 0;
    let bytes = 0;
    let batch: SalvagedEntry[] = [];
    const flush = () => {
      this.#environment.write(() => {
        for (const { key, value } of batch) log.append(key, value);
      });
      batch = [];
      bytes = 0;
      this.#onProgress(done, total);
    };
    const take = (entry: SalvagedEntry) => {
      const position = numberOf(entry);
      if (!(position >= floor)) return;
      done++;
      if (readRecord(position, entry.value) === undefined && !isLostMarker(position, entry.value)) {
        this.#keep(position, entry.value);
        return;
      }
      batch.push(entry);
      bytes += entry.value.length;
      last = position;
      if (bytes >= batchBytes) flush();
    };
    if (this.#salvage !== undefined) this.#table = this.#salvage.walk('log', take);
    flush();
    this.#environment.refresh();
    return last;
  }

  /** The newest record that damage has cut off, when nothing else tells how far the log went. */
  #lastCutOff(): number {
    const { damagedLeaves, cutOff } = this.#table;
    if (this.#known.sureCount('head') !== undefined) return 0;
    let last = 0;
    const take = (entry: SalvagedEntry, { state, transaction }: ScannedPage) => {
      const position = numberOf(entry);
      // What was never committed may lie about as well.
      if (
        state !== 'free' &&
        transaction > 0 &&
        position > last &&
        readRecord(position, entry.value) !== undefined
      )
        last = position;
    };
    for (const page of damagedLeaves) this.#salvage?.loose(page, (entry) => take(entry, inPlace));
    if (cutOff) this.#salvage?.scan(take);
    return last;
  }

  #keep(position: number, bytes: Buffer): void {
    if (this.#remains.length < mostRemains) this.#remains.push({ position, bytes });
  }

  /** Looks in the damaged leaves, then through the whole file, for the positions that are still missing. */
  #fill(floor: number, head: number): void {
    const missing = this.#missing(floor, head);
    const found = new Map<number, Candidate[]>();
    const take = (entry: SalvagedEntry, { state, transaction }: ScannedPage) => {
      const position = numberOf(entry);
      if (!missing.has(position) || readRecord(position, entry.value) === undefined) return;
      const known = found.get(position) ?? [];
      found.set(position, known);
      if (!known.some(({ value }) => value.equals(entry.value)))
        known.push({ value: entry.value, rank: transaction + (state === 'live' ? liveRank : 0) });
    };
    for (const page of this.#table.damagedLeaves) this.#salvage?.loose(page, (entry) => take(entry, inPlace));
    if (found.size < missing.size) this.#salvage?.scan(take);
    this.#environment.write(() => {
      for (const [position, candidates] of found)
        this.#view.log.put(positionKey(position), this.#choose(position, candidates));
    });
    this.#environment.refresh();
  }

  /** The one that its neighbours vouch for, else the newest. */
  #choose(position: number, candidates: readonly Candidate[]): Buffer {
    const [newest, ...others] = candidates.toSorted((a, b) => b.rank - a.rank);
    if (newest === undefined) throw new Error('a position is found with at least one candidate');
    if (others.length === 0) return newest.value;
    return ([newest, ...others].find(({ value }) => this.#links(position, value)) ?? newest).value;
  }

  #missing(floor: number, head: number): ReadonlySet<number> {
    const missing = new Set<number>();
    let expected = floor;
    for (const key of this.#view.log.keys()) {
      const position = positionOfKey(key);
      for (; expected < position; expected++) missing.add(expected);
      expected = position + 1;
    }
    for (; expected <= head; expected++) missing.add(expected);
    return missing;
  }

  /** True when the record follows the nearest kept record of its source before it, or is followed by the nearest behind it. */
  #links(position: number, value: Buffer): boolean {
    const record = readRecord(position, value);
    if (record === undefined) return false;
    const { source, seq } = record.delta;
    for (const reverse of [true, false]) {
      const range = reverse ? { to: positionKey(position), reverse } : { from: positionKey(position + 1) };
      let looked = 0;
      for (const entry of this.#view.log.entries(range)) {
        const other = readRecord(positionOfKey(entry.key), entry.value);
        if (other?.delta.source !== source) {
          if (++looked > mostLookedAt) break;
          continue;
        }
        if (reverse && other.delta.seq === seq - 1) return same(other.frame.hash, record.frame.prev);
        if (!reverse && other.delta.seq === seq + 1) return same(record.frame.hash, other.frame.prev);
        break;
      }
    }
    return false;
  }

  /**
   * Records that are right by their checksums and yet not what their source wrote. The newest of a chain is vouched for by its
   * signature, and each record vouches for the one before it; so from the newest back.
   */
  #dropWrong(floor: number, head: number): void {
    const behind = new Map<NodeId, { readonly seq: number; readonly prev: Uint8Array }>();
    const wrong: number[] = [];
    for (const { key, value } of this.#view.log.entries({ reverse: true })) {
      const position = positionOfKey(key);
      const record = readRecord(position, value);
      if (record === undefined) continue;
      const { frame, delta } = record;
      const next = behind.get(delta.source);
      const { hash, signature } = frame;
      const isRight =
        position >= floor &&
        position <= head &&
        (next === undefined || delta.seq < next.seq) &&
        (next?.seq !== delta.seq + 1 || same(next.prev, hash)) &&
        (signature === undefined || verifyHash(hash, signature, publicKeyObject(delta.source)));
      if (isRight) behind.set(delta.source, { seq: delta.seq, prev: Buffer.from(frame.prev) });
      else {
        wrong.push(position);
        this.#keep(position, value);
      }
    }
    this.#environment.write(() => {
      for (const position of wrong) this.#view.log.remove(positionKey(position));
    });
    this.#environment.refresh();
  }

  #markLost(floor: number, head: number): Chains {
    const missing = this.#missing(floor, head);
    this.#environment.write(() => {
      for (const position of missing) this.#view.log.put(positionKey(position), encodeLostMarker(position));
    });
    this.#environment.refresh();
    const chains = new Chains();
    for (const { key, value } of this.#view.log.entries()) {
      const position = positionOfKey(key);
      const record = readRecord(position, value);
      if (record === undefined) chains.lost++;
      else chains.add(record.delta, record.frame);
    }
    return chains;
  }

  #writeMeta(floor: number, head: number, chains: Chains): void {
    const { meta } = this.#view;
    const known = this.#known;
    const auditNewest = Math.max(known.count('auditNewest') ?? 0, this.#witness.auditNewest ?? 0);
    this.#environment.write(() => {
      meta.put('schema', deltaSchema);
      meta.put('node', this.#node);
      meta.put('head', head);
      meta.put('floor', floor);
      meta.put('trimmed', floor);
      meta.put('fence', known.fence(this.#witness.fence ?? 0));
      meta.put('clock', Math.max(chains.clock, known.count('clock') ?? 0));
      meta.put('auditNewest', auditNewest);
      for (const [source, head] of chains.heads(known.heads(), this.#node)) {
        meta.put(sourcePrefix + source, head);
        const lost = chains.gaps(source, head);
        if (lost.length > 0) meta.put(lostPrefix + source, lost);
      }
    });
  }
}

function readRecord(position: number, value: Buffer): { frame: DeltaFrame; delta: Delta } | undefined {
  try {
    const frame = decodeDeltaFrame(position, value);
    return { frame, delta: bodyOf(position, frame) };
  } catch {
    // Not a record: what to do about that is the caller's business.
    return undefined;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
