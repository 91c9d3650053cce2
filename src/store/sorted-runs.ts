/**
 * Sorted runs: an index that is only ever added to. Each batch is one run, which is never changed: for each of the index's tables
 * its keys in ascending order, cut into blocks (run-block.ts). Neighbouring runs are merged as they become many, so that a query
 * meets few (run-merge.ts): a log-structured merge tree (O'Neil et al., 1996), whose runs each cover a span of the log.
 *
 * ```
 * blocks  [u32 run][u8 table][first key]  → a block
 * meta    runs  { next, live, building, dropped }
 * ```
 * A key of a run ends in [u48 position][u8 type]: that of the delta which it leads to.
 *
 * A run counts when it is among `live`. The transaction that writes it, or takes it in place of others, says so in `meta`; so a crash
 * leaves runs that do not count at worst, and those are told: a run that takes several transactions to write is in `building`
 * before its first block, one that is no longer wanted in `dropped` until its last block is gone.
 */
import assert from 'node:assert/strict';
import { isCount, type MetaTable } from './meta-table.ts';
import {
  type Block,
  BlockReader,
  compareKeys,
  type KeyView,
  maxRunKeyBytes,
  sealBlock,
} from './run-block.ts';
import { afterPrefix, runTailBytes, u48Bytes } from './store-keys.ts';
import type { Table, TableRange } from './table.ts';

/** Every position from `first` to `last` that is in the log is in the run; a run of no position has `last` = `first` − 1. */
export interface Run {
  /** Given in ascending order, never again. */
  readonly run: number;
  readonly first: number;
  readonly last: number;
  /** Least and greatest time, HLC, of what it leads to; [0, 0] when that is nothing. */
  readonly times: readonly [number, number];
  /** Of each table how many keys and how many blocks. */
  readonly keys: readonly number[];
  readonly blocks: readonly number[];
}

export interface RunsState {
  readonly next: number;
  /** Oldest first, each beginning behind the end of the one before it. */
  readonly live: readonly Run[];
  readonly building: readonly number[];
  readonly dropped: readonly number[];
}

export const runsName = 'runs';
const none: RunsState = { next: 1, live: [], building: [], dropped: [] };

export function positionInKey({ key, length }: KeyView): number {
  return key.readUIntBE(length - runTailBytes, u48Bytes);
}

/** Number of the type, as in `deltaTypes`. */
export function typeInKey({ key, length }: KeyView): number {
  return key[length - 1] ?? 0xff;
}

export class SortedRuns {
  readonly blocks: Table;
  readonly #meta: MetaTable;
  #state: RunsState = none;
  #stored: Buffer | undefined;

  constructor(blocks: Table, meta: MetaTable) {
    this.blocks = blocks;
    this.#meta = meta;
  }

  /** What this thread's transaction sees. */
  state(): RunsState {
    const stored = this.#meta.stored(runsName);
    if (stored === undefined) return none;
    // Decoding some fifty runs costs as much as a short query, comparing their bytes next to nothing.
    if (this.#stored?.equals(stored) !== true) {
      this.#state = this.#meta.get(runsName, isRunsState) ?? none;
      this.#stored = stored;
    }
    return this.#state;
  }

  live(): readonly Run[] {
    return this.state().live;
  }

  /** Keys of one table of one run, in the order of the range. Each view is overwritten by the next. */
  *keys(run: Run, table: number, range: TableRange): Generator<KeyView> {
    if (run.keys[table] === 0) return;
    if (range.reverse === true) yield* this.#keysDown(run, table, range);
    else for (const cursor = this.cursor(run, table, range); cursor.next(); ) yield cursor;
  }

  cursor(run: Run, table: number, range: Pick<TableRange, 'from' | 'to'> = {}): RunCursor {
    return new RunCursor(this.blocks, run.run, table, range);
  }

  *#keysDown(run: Run, table: number, { from, to }: TableRange): Generator<KeyView> {
    const prefix = tablePrefix(run.run, table);
    const end = to === undefined ? afterPrefix(prefix) : Buffer.concat([prefix, to]);
    const reader = new BlockReader();
    for (const { key, value } of this.blocks.entries({ from: prefix, to: end, reverse: true })) {
      reader.load(key, value);
      const found: Buffer[] = [];
      let isFirst = true;
      let reachesStart = false;
      while (reader.next()) {
        const below = from !== undefined && compareKeys(reader.key, reader.length, from, from.length) < 0;
        if (isFirst) reachesStart = below;
        isFirst = false;
        if (below) continue;
        if (to !== undefined && compareKeys(reader.key, reader.length, to, to.length) >= 0) break;
        found.push(Buffer.from(reader.key.subarray(0, reader.length)));
      }
      for (let at = found.length - 1; at >= 0; at--) {
        const own = found[at] as Buffer;
        yield { key: own, length: own.length };
      }
      if (reachesStart) return;
    }
  }

  /** Inside `write` only: no run, and the first that is given gets this number or a later one. */
  reset(next: number): void {
    this.blocks.clear();
    this.save({ ...none, next });
  }

  /** Inside `write` only. */
  save(state: RunsState): void {
    this.#meta.put(runsName, state);
  }

  /** Inside `write` only: a run that is written at once, behind all others. */
  add(content: RunContent): Run {
    const state = this.state();
    const run = { run: state.next, ...content.span, ...this.putBlocks(state.next, content.tables) };
    assert(
      (state.live.at(-1)?.last ?? run.first - 1) < run.first,
      'a run begins behind the end of the one before it',
    );
    this.save({ ...state, next: state.next + 1, live: [...state.live, run] });
    return run;
  }

  /** Inside `write` only. */
  putBlocks(run: number, tables: readonly TableBlocks[]): Pick<Run, 'keys' | 'blocks'> {
    for (const [table, { blocks }] of tables.entries()) {
      for (const { first, bytes } of blocks) {
        const key = blockKey(run, table, first);
        this.blocks.put(key, sealBlock(key, bytes));
      }
    }
    return { keys: tables.map(({ keys }) => keys), blocks: tables.map(({ blocks }) => blocks.length) };
  }

  /** Inside `write` only: runs that have nothing at or above `floor` count no more. */
  dropBelow(floor: number): void {
    const state = this.state();
    const old = state.live.filter(({ last }) => last < floor);
    // The newest stays, so that it can be seen how far the index has come.
    if (old.length === state.live.length) old.pop();
    if (old.length === 0) return;
    const live = state.live.slice(old.length);
    this.save({ ...state, live, dropped: [...state.dropped, ...old.map(({ run }) => run)] });
  }

  /** Inside `write` only: what a thread that ended was writing will not be finished. */
  abandonBuilding(): void {
    const state = this.state();
    if (state.building.length === 0) return;
    this.save({ ...state, building: [], dropped: [...state.dropped, ...state.building] });
  }

  /** Inside `write` only: removes some blocks of what was dropped. False when there are none. */
  sweep(most: number): boolean {
    const { dropped } = this.state();
    let left = most;
    let swept = 0;
    for (const run of dropped) {
      const keys = this.#blockKeys(run, left);
      for (const key of keys) this.blocks.remove(key);
      if (keys.length === left) break;
      left -= keys.length;
      swept += 1;
    }
    if (swept > 0) this.save({ ...this.state(), dropped: dropped.slice(swept) });
    return dropped.length > 0;
  }

  #blockKeys(run: number, most: number): readonly Buffer[] {
    const prefix = runPrefix(run);
    const keys: Buffer[] = [];
    for (const key of this.blocks.keys({ from: prefix, to: afterPrefix(prefix) })) {
      if (keys.length === most) break;
      keys.push(key);
    }
    return keys;
  }
}

export interface TableBlocks {
  readonly keys: number;
  readonly blocks: readonly Block[];
}

export interface RunContent {
  readonly span: Pick<Run, 'first' | 'last' | 'times'>;
  readonly tables: readonly TableBlocks[];
}

/**
 * Steps through keys in ascending order, a block in memory at a time: it holds no cursor of LMDB's, so that transactions may end
 * between two steps.
 */
export class RunCursor extends BlockReader {
  readonly #blocks: Table;
  readonly #prefix: Buffer;
  readonly #end: Buffer;
  readonly #from: Uint8Array | undefined;
  readonly #to: Uint8Array | undefined;
  #loaded: Buffer | undefined;

  constructor(blocks: Table, run: number, table: number, { from, to }: Pick<TableRange, 'from' | 'to'>) {
    super();
    this.#blocks = blocks;
    this.#prefix = tablePrefix(run, table);
    this.#end = afterPrefix(this.#prefix);
    this.#from = from;
    this.#to = to;
  }

  override next(): boolean {
    const from = this.#from;
    if (this.#loaded === undefined && !this.#load(this.#firstBlock())) return false;
    for (;;) {
      while (super.next()) {
        if (from !== undefined && compareKeys(this.key, this.length, from, from.length) < 0) continue;
        const to = this.#to;
        return to === undefined || compareKeys(this.key, this.length, to, to.length) < 0;
      }
      if (!this.#load(Buffer.concat([this.#loaded as Buffer, nul]))) return false;
    }
  }

  /** The key of the block in which `from` lies or would lie. */
  #firstBlock(): Buffer {
    if (this.#from === undefined) return this.#prefix;
    const start = Buffer.concat([this.#prefix, this.#from]);
    const range = { from: this.#prefix, to: Buffer.concat([start, nul]), reverse: true };
    for (const key of this.#blocks.keys(range)) return key;
    return start;
  }

  #load(from: Buffer): boolean {
    for (const { key, value } of this.#blocks.entries({ from, to: this.#end })) {
      this.load(key, value);
      this.#loaded = key;
      return true;
    }
    return false;
  }
}

export function isRunsState(value: unknown): value is RunsState {
  const { next, live, building, dropped } = (value ?? {}) as Partial<Record<keyof RunsState, unknown>>;
  const areCounts = (list: unknown) => Array.isArray(list) && list.every(isCount);
  return (
    isCount(next) && areCounts(building) && areCounts(dropped) && Array.isArray(live) && live.every(isRun)
  );
}

function isRun(value: unknown): value is Run {
  const { run, first, last, times, keys, blocks } = (value ?? {}) as Partial<Record<keyof Run, unknown>>;
  const lists = [times, keys, blocks];
  return [run, first, last, ...lists.flat()].every(isCount) && lists.every(Array.isArray);
}

const nul = Buffer.of(0);
const runBytes = 4;

function runPrefix(run: number): Buffer {
  const prefix = Buffer.allocUnsafe(runBytes);
  prefix.writeUInt32BE(run);
  return prefix;
}

function tablePrefix(run: number, table: number): Buffer {
  const prefix = Buffer.allocUnsafe(runBytes + 1);
  prefix.writeUInt32BE(run);
  prefix[runBytes] = table;
  return prefix;
}

function blockKey(run: number, table: number, first: Uint8Array): Buffer {
  assert(first.length <= maxRunKeyBytes);
  return Buffer.concat([tablePrefix(run, table), first]);
}

/** Which run and which table a stored block belongs to; undefined when its key is none. */
export function placeOfBlock(key: Uint8Array): { readonly run: number; readonly table: number } | undefined {
  if (key.length <= runBytes + 1) return undefined;
  const run = new DataView(key.buffer, key.byteOffset, runBytes).getUint32(0);
  return { run, table: key[runBytes] ?? 0 };
}
