/** Writing runs: their blocks from keys in ascending order, and the merging of neighbours into one. */
import { CursorHeap } from './cursor-heap.ts';
import type { Environment } from './environment.ts';
import { type Block, BlockWriter } from './run-block.ts';
import { positionInKey, type Run, type RunCursor, type SortedRuns, type TableBlocks } from './sorted-runs.ts';

/** Collects the blocks of one table. */
export class TableWriter {
  readonly #writer = new BlockWriter();
  #blocks: Block[] = [];
  #keys = 0;

  /** A key that is `length` bytes of `memory`, above all before it. */
  add(memory: Uint8Array, start: number, length: number): void {
    this.#keys++;
    if (this.#writer.tryAdd(memory, start, length)) return;
    this.#takeBlock();
    this.#writer.tryAdd(memory, start, length);
  }

  /** All that was added since the last `finish`. */
  finish(): TableBlocks {
    this.#takeBlock();
    return this.takeFull();
  }

  /** As `finish`, but for what is in the block that is not full yet. */
  takeFull(): TableBlocks {
    const taken = { keys: this.#keys, blocks: this.#blocks };
    this.#blocks = [];
    this.#keys = 0;
    return taken;
  }

  #takeBlock(): void {
    const block = this.#writer.take();
    if (block !== undefined) this.#blocks.push(block);
  }
}

/** How many runs of one size make a larger one. A higher number means less writing and more runs for a query to look at. */
const fanIn = 8;
/** As long as there is something to add, larger runs are left until they are so many: each adds some 10 µs to a query. */
const fanInWhenBusy = 48;
/** Bits of `fanIn`. */
const fanInBits = 3;

function levelOf({ keys }: Run): number {
  return Math.floor(Math.log2(Math.max(1, ...keys)) / fanInBits);
}

/**
 * The newest runs that are to be merged: as many of one size as make a larger one, and the smaller ones behind them.
 * @param least how many of one size are enough.
 * @returns an empty list when there are none.
 */
function mergeable(live: readonly Run[], least = fanIn): readonly Run[] {
  let at = live.length;
  for (let level = 0; at > 0; level++) {
    let ofLevel = 0;
    for (; at > 0; at--) {
      const run = live[at - 1] as Run;
      if (levelOf(run) > level) break;
      if (levelOf(run) === level) ofLevel++;
    }
    if (ofLevel >= least) return live.slice(at);
  }
  return [];
}

/** In all tables. */
function totalOf(runs: readonly Run[], what: 'keys' | 'blocks'): number {
  return runs.reduce((sum, run) => sum + run[what].reduce((all, each) => all + each, 0), 0);
}

/** Merges neighbouring runs into one, and leaves out what leads to positions below a floor. */
export class RunMerge {
  readonly #runs: SortedRuns;
  readonly inputs: readonly Run[];
  readonly #floor: number;
  readonly #keys: number[];
  readonly #blocks: number[];
  #table = 0;
  #cursors: CursorHeap<RunCursor> | undefined;
  readonly #writer = new TableWriter();

  constructor(runs: SortedRuns, inputs: readonly Run[], floor: number) {
    this.#runs = runs;
    this.inputs = inputs;
    this.#floor = floor;
    this.#keys = inputs[0]?.keys.map(() => 0) ?? [];
    this.#blocks = [...this.#keys];
  }

  /** Inside `write` only: all of it in this transaction, of which it may read what is not committed yet. */
  runWhole(): void {
    const { next } = this.#runs.state();
    this.#runs.save({ ...this.#runs.state(), next: next + 1 });
    this.#runs.putBlocks(next, this.read(Number.POSITIVE_INFINITY));
    this.#finish(next);
  }

  /** The next blocks, from so many keys or a few more. */
  read(most: number): TableBlocks[] {
    const out: TableBlocks[] = this.#keys.map(() => ({ keys: 0, blocks: [] }));
    for (let left = most; left > 0 && !this.isRead; ) {
      this.#cursors ??= this.#openCursors();
      left -= this.#mergeSome(this.#cursors, left);
      const ended = this.#cursors.least === undefined;
      out[this.#table] = ended ? this.#writer.finish() : this.#writer.takeFull();
      if (!ended) continue;
      this.#table++;
      this.#cursors = undefined;
    }
    for (const [table, { keys, blocks }] of out.entries()) {
      this.#keys[table] = (this.#keys[table] ?? 0) + keys;
      this.#blocks[table] = (this.#blocks[table] ?? 0) + blocks.length;
    }
    return out;
  }

  get isRead(): boolean {
    return this.#table === this.#keys.length;
  }

  /** Inside `write` only. False when the inputs are no longer what they were, or the run was given up: then nothing is written. */
  write(run: number, blocks: readonly TableBlocks[]): boolean {
    if (!this.#runs.state().building.includes(run)) return false;
    this.#runs.putBlocks(run, blocks);
    return !this.isRead || this.#finish(run);
  }

  #finish(run: number): boolean {
    const state = this.#runs.state();
    const building = state.building.filter((other) => other !== run);
    const numbers = this.inputs.map((input) => input.run);
    const at = state.live.findIndex((input) => input.run === numbers[0]);
    const [first, last] = [this.inputs[0], this.inputs.at(-1)];
    const are = at >= 0 && numbers.every((number, index) => state.live[at + index]?.run === number);
    if (!are || first === undefined || last === undefined) {
      this.#runs.save({ ...state, building, dropped: [...state.dropped, run] });
      return false;
    }
    const merged: Run = {
      run,
      first: Math.min(last.last + 1, Math.max(first.first, this.#floor)),
      last: last.last,
      times: spanOf(this.inputs),
      keys: this.#keys,
      blocks: this.#blocks,
    };
    this.#runs.save({
      ...state,
      building,
      live: state.live.toSpliced(at, numbers.length, merged),
      dropped: [...state.dropped, ...numbers],
    });
    return true;
  }

  #openCursors(): CursorHeap<RunCursor> {
    return new CursorHeap(this.inputs.map((input) => this.#runs.cursor(input, this.#table)));
  }

  /** Returns how many keys were looked at. */
  #mergeSome(cursors: CursorHeap<RunCursor>, most: number): number {
    let looked = 0;
    for (let least = cursors.least; least !== undefined && looked < most; least = cursors.least) {
      looked++;
      if (positionInKey(least) >= this.#floor) this.#writer.add(least.key, 0, least.length);
      cursors.advance();
    }
    return looked;
  }
}

function spanOf(runs: readonly Run[]): readonly [number, number] {
  const filled = runs.filter(({ times }) => times[1] > 0);
  if (filled.length === 0) return [0, 0];
  return [Math.min(...filled.map(({ times }) => times[0])), Math.max(...filled.map(({ times }) => times[1]))];
}

/** What is merged within the transaction that adds a run: some 5 ms. */
const mostKeysAtOnce = 32 * 1024;
/** As many blocks are removed within the transaction that merged what was in them. */
const mostBlocksAtOnce = 64;
/** Of a step of a merge that takes several transactions: some 15 ms, more than a batch adds at a time. */
const keysPerStep = 64 * 1024;
/** Of one transaction that removes what was dropped. */
const blocksPerSweep = 512;

/** Keeps the runs few, a bounded transaction at a time. */
export class RunCare {
  readonly #environment: Environment;
  readonly #runs: SortedRuns;
  #merge: { readonly run: number; readonly merge: RunMerge } | undefined;

  constructor(environment: Environment, runs: SortedRuns) {
    this.#environment = environment;
    this.#runs = runs;
  }

  /** Inside `write` only, after a run was added: merges what is small. */
  mergeSmall(): void {
    for (;;) {
      const inputs = mergeable(this.#runs.live());
      if (inputs.length === 0 || totalOf(inputs, 'keys') > mostKeysAtOnce) return;
      new RunMerge(this.#runs, inputs, 0).runWhole();
      // Of a few single deltas: a transaction of its own would cost as much as theirs.
      if (totalOf(inputs, 'blocks') <= mostBlocksAtOnce) this.#runs.sweep(mostBlocksAtOnce);
    }
  }

  /**
   * One transaction of what is left to do. False when that is nothing.
   * @param isBusy whether more is to be added: then what can wait does.
   */
  step(isBusy: boolean): boolean {
    this.#environment.refresh();
    this.#merge ??= this.#begin(mergeable(this.#runs.live(), isBusy ? fanInWhenBusy : fanIn), 0);
    if (this.#merge !== undefined) {
      this.#goOn(this.#merge);
      return true;
    }
    return !isBusy && this.sweep();
  }

  /** One transaction that removes some of what was dropped. False when there is nothing. */
  sweep(): boolean {
    this.#environment.refresh();
    if (this.#runs.state().dropped.length === 0) return false;
    return this.#environment.writeRepeatable(() => this.#runs.sweep(blocksPerSweep));
  }

  /** Writes a run anew without what lies below `floor`; a transaction between two yields. */
  *rewrite(run: Run, floor: number): Generator<void> {
    this.#merge = this.#begin([run], floor);
    while (this.#merge !== undefined) {
      this.#goOn(this.#merge);
      yield;
    }
  }

  /** The index begins anew. */
  forget(): void {
    this.#merge = undefined;
  }

  #begin(inputs: readonly Run[], floor: number): { run: number; merge: RunMerge } | undefined {
    if (inputs.length === 0) return undefined;
    const run = this.#environment.writeRepeatable(() => {
      const state = this.#runs.state();
      this.#runs.save({ ...state, next: state.next + 1, building: [...state.building, state.next] });
      return state.next;
    });
    return { run, merge: new RunMerge(this.#runs, inputs, floor) };
  }

  #goOn({ run, merge }: { readonly run: number; readonly merge: RunMerge }): void {
    this.#environment.refresh();
    // Inputs that were dropped meanwhile may be gone in part: what is read of them then is never taken.
    const blocks = merge.read(keysPerStep);
    const goesOn = this.#environment.writeRepeatable(() => merge.write(run, blocks));
    if (!goesOn || merge.isRead) this.#merge = undefined;
  }
}
