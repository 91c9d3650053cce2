/** One batch of the index on its way into a run: the keys of each table, brought in order the cheapest way. */
import type { NodeId } from '../base/ids.ts';
import { publicKeyFromNodeId } from '../codec/node-id.ts';
import type { DeltaHead } from '../delta/delta-head.ts';
import { tableNumber, typeNumber } from './index-tables.ts';
import { maxRunKeyBytes } from './run-block.ts';
import { TableWriter } from './run-merge.ts';
import type { RunContent } from './sorted-runs.ts';
import { timeBytes, u48Bytes, writePathText, writeTail, writeU64 } from './store-keys.ts';

/** Of one source, in the order of its seqs. */
interface SourceKeys {
  readonly publicKey: Uint8Array;
  readonly seqs: number[];
  /** Places in the batch. */
  readonly places: number[];
}

/** Grows by doubling; what a batch leaves is taken by the next one. */
let pathMemory = Buffer.allocUnsafeSlow(64 * 1024);

export class IndexBatch {
  readonly #positions: number[] = [];
  readonly #types: number[] = [];
  readonly #times: number[] = [];
  #timesAscend = true;
  readonly #sources = new Map<NodeId, SourceKeys>();
  readonly #paths = new PathKeys();

  /** Positions ascend, and so do the seqs of each source. */
  add(position: number, { source, seq, time, type, project, path }: DeltaHead): void {
    const place = this.#positions.length;
    const number = typeNumber(type);
    if (time < (this.#times[place - 1] ?? 0)) this.#timesAscend = false;
    this.#positions.push(position);
    this.#types.push(number);
    this.#times.push(time);
    let keys = this.#sources.get(source);
    if (keys === undefined) {
      keys = { publicKey: publicKeyFromNodeId(source), seqs: [], places: [] };
      this.#sources.set(source, keys);
    }
    keys.seqs.push(seq);
    keys.places.push(place);
    if (path !== undefined) this.#paths.add(project, path, position, number);
  }

  /** @param first to `last`: the positions that were looked at, whether or not there was a delta. */
  content(first: number, last: number): RunContent {
    const times = [0, 0] as [number, number];
    for (const [at, time] of this.#times.entries()) {
      times[0] = at === 0 ? time : Math.min(times[0], time);
      times[1] = Math.max(times[1], time);
    }
    const writers = Object.values(tableNumber).map(() => new TableWriter());
    const key = Buffer.allocUnsafe(maxRunKeyBytes);
    this.#writeSources(writers[tableNumber.source] as TableWriter, key);
    this.#writeTimes(writers[tableNumber.time] as TableWriter, key);
    this.#paths.write(writers[tableNumber.path] as TableWriter);
    return { span: { first, last, times }, tables: writers.map((writer) => writer.finish()) };
  }

  #writeSources(writer: TableWriter, key: Buffer): void {
    const sources = [...this.#sources.values()].sort((a, b) => Buffer.compare(a.publicKey, b.publicKey));
    for (const { publicKey, seqs, places } of sources) {
      key.set(publicKey, 0);
      for (const [at, place] of places.entries()) {
        key.writeUIntBE(seqs[at] ?? 0, publicKey.length, u48Bytes);
        writer.add(key, 0, this.#endKey(key, publicKey.length + u48Bytes, place));
      }
    }
  }

  #writeTimes(writer: TableWriter, key: Buffer): void {
    const times = this.#times;
    const places = times.map((_, place) => place);
    // Own deltas come in the order of their times. The sort leaves those of one time in the order of their positions.
    if (!this.#timesAscend) places.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
    for (const place of places) {
      writeU64(key, times[place] ?? 0, 0);
      writer.add(key, 0, this.#endKey(key, timeBytes, place));
    }
  }

  #endKey(key: Buffer, at: number, place: number): number {
    return writeTail(key, at, this.#positions[place] ?? 0, this.#types[place] ?? 0);
  }
}

/** The keys of the table `path` one behind the other in one piece of memory, where they are compared byte by byte. */
class PathKeys {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #length = 0;

  add(project: string, path: string, position: number, type: number): void {
    if (this.#length + maxRunKeyBytes > pathMemory.length) {
      const larger = Buffer.allocUnsafeSlow(2 * pathMemory.length);
      larger.set(pathMemory, 0);
      pathMemory = larger;
    }
    const textEnd = writePathText(pathMemory, this.#length, project, path);
    const end = writeTail(pathMemory, textEnd, position, type);
    this.#starts.push(this.#length);
    this.#ends.push(end);
    this.#length = end;
  }

  write(writer: TableWriter): void {
    const order = this.#starts.map((_, at) => at);
    const shared = this.#sharedBytes();
    order.sort((a, b) => this.#compare(a, b, shared));
    for (const at of order) {
      const start = this.#starts[at] ?? 0;
      writer.add(pathMemory, start, (this.#ends[at] ?? 0) - start);
    }
  }

  /** With how many bytes all begin: those of the project, mostly, which each comparison would go through. */
  #sharedBytes(): number {
    const bytes = pathMemory;
    let shared = this.#ends[0] ?? 0;
    for (const [at, start] of this.#starts.entries()) {
      const most = Math.min(shared, (this.#ends[at] ?? 0) - start);
      shared = 0;
      while (shared < most && bytes[shared] === bytes[start + shared]) shared++;
    }
    return shared;
  }

  #compare(a: number, b: number, shared: number): number {
    const bytes = pathMemory;
    let atA = (this.#starts[a] ?? 0) + shared;
    let atB = (this.#starts[b] ?? 0) + shared;
    const endA = this.#ends[a] ?? 0;
    const endB = this.#ends[b] ?? 0;
    for (; atA < endA && atB < endB; atA++, atB++) {
      const difference = (bytes[atA] ?? 0) - (bytes[atB] ?? 0);
      if (difference !== 0) return difference;
    }
    return endA - atA - (endB - atB);
  }
}
