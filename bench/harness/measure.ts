/** How a bench measures and what it reports. All times are microseconds unless a name says otherwise. */
import { Bench } from 'tinybench';

export interface BenchContext {
  /** Sizes that show that the bench runs, not how fast the code is. */
  readonly smoke: boolean;
  /** An empty directory of this bench's own; removed afterwards. */
  readonly scratch: string;
}

/** What a row may tell. Each is the middle of the repetitions. */
export interface Figures {
  /** Of one operation, in µs. */
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly max?: number;
  /** Operations a second. */
  readonly rate?: number;
  /** Against the other side of the same run, which `what` or `about` names. */
  readonly ratio?: number;
  readonly bytes?: number;
}

export type FigureName = keyof Figures;

/** One promise of SPEC §15, checked against a figure of the row. */
export interface Target {
  readonly field: FigureName;
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

/** One line of the report. */
export interface Row extends Figures {
  readonly what: string;
  /** Of a row that is one point of a curve: how much there was of what the curve is over. */
  readonly n?: number;
  /** (largest - smallest) / middle of the repetitions: what of a difference is noise. */
  readonly spread: number;
  /** Says that the work was done, and the same work in every run. */
  readonly checksum: string;
  readonly targets: readonly Target[];
}

export interface BenchSpec {
  readonly name: string;
  readonly about: string;
  /** Takes minutes: runs when it is named, and not with all others. */
  readonly onRequest?: boolean;
  run(context: BenchContext): Promise<readonly Row[]>;
}

const repetitions = { full: 3, smoke: 1 };

export function repetitionsOf(context: Pick<BenchContext, 'smoke'>): number {
  return context.smoke ? repetitions.smoke : repetitions.full;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spreadOf(values: readonly number[]): number {
  return values.length < 2 ? 0 : (Math.max(...values) - Math.min(...values)) / median(values);
}

/** The value below which `share` of the samples lie (nearest rank). */
export function quantile(samples: readonly number[], share: number): number {
  return quantiles(samples, [share])[0] ?? Number.NaN;
}

/** As `quantile`, for several shares of the same samples. */
function quantiles(samples: readonly number[], shares: readonly number[]): readonly number[] {
  const sorted = Float64Array.from(samples).sort();
  return shares.map(
    (share) =>
      sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN,
  );
}

/** p50, p99, p99.9 and the largest of samples in µs. */
export function figuresOf(samples: readonly number[]): Required<Pick<Row, 'p50' | 'p99' | 'p999' | 'max'>> {
  const [p50 = Number.NaN, p99 = Number.NaN, p999 = Number.NaN, max = Number.NaN] = quantiles(
    samples,
    [0.5, 0.99, 0.999, 1],
  );
  return { p50, p99, p999, max };
}

interface LatencyOptions {
  readonly batch?: number;
  readonly timeMs?: number;
  /** Undoes what one operation did; not measured. */
  readonly afterEach?: () => Promise<void>;
}

/**
 * Latency of one operation, by tinybench, repeated. An operation under a microsecond is measured in runs of `batch`:
 * a clock reading costs about 50 ns, and its p99 is then that of a run.
 */
export async function latency(
  context: BenchContext,
  operation: () => unknown,
  { batch = 1, timeMs = 500, afterEach }: LatencyOptions = {},
): Promise<{ readonly p50: number; readonly p99: number; readonly spread: number }> {
  const p50s: number[] = [];
  const p99s: number[] = [];
  for (let repetition = 0; repetition < repetitionsOf(context); repetition += 1) {
    const result = await onePass(
      context,
      batch === 1 ? operation : inBatches(operation, batch),
      timeMs,
      afterEach,
    );
    p50s.push((result.p50 * 1000) / batch);
    p99s.push((result.p99 * 1000) / batch);
  }
  return { p50: median(p50s), p99: median(p99s), spread: spreadOf(p50s) };
}

async function onePass(
  context: BenchContext,
  operation: () => unknown,
  timeMs: number,
  afterEach: LatencyOptions['afterEach'],
) {
  const bench = new Bench({
    // A fixed time rather than a fixed count: slow and fast operations get equally settled figures.
    time: context.smoke ? 5 : timeMs,
    iterations: context.smoke ? 5 : 64,
    warmup: !context.smoke,
    // The reading of the clock is not the work.
    subtractTimerOverhead: true,
    // A bench whose operation fails has measured nothing.
    throws: true,
  });
  bench.add('operation', operation, afterEach === undefined ? {} : { afterEach });
  const [task] = await bench.run();
  if (task?.result.state !== 'completed') throw new Error(`the bench ended as ${task?.result.state}`);
  return task.result.latency;
}

function inBatches(operation: () => unknown, batch: number): () => void {
  return () => {
    for (let at = 0; at < batch; at += 1) operation();
  };
}

/** Does each side once a repetition and gives what each of its runs answered. Taken in turns so that a drift of the machine hits all. */
export async function inTurns<T>(
  context: Pick<BenchContext, 'smoke'>,
  sides: readonly ((repetition: number) => Promise<T> | T)[],
): Promise<readonly (readonly T[])[]> {
  const answers = sides.map((): T[] => []);
  for (let repetition = 0; repetition < repetitionsOf(context); repetition += 1) {
    const turns = [...sides.entries()];
    // Every other round backwards: the side that comes first does not always profit or suffer from it.
    for (const [side, run] of repetition % 2 === 0 ? turns : turns.reverse())
      answers[side]?.push(await run(repetition));
  }
  return answers;
}

/** One side of a comparison: what stands before and behind the work is not measured. */
export interface Side {
  /** @returns the work, and what is to be done behind it. */
  prepare(repetition: number): Promise<{
    readonly work: () => Promise<void> | void;
    readonly close?: () => Promise<void> | void;
  }>;
}

export interface Rate {
  /** Operations a second: the middle of the repetitions. */
  readonly rate: number;
  readonly spread: number;
}

/** Rates of several sides on the same work, in turns. */
export async function ratesInTurns(
  context: BenchContext,
  operations: number,
  sides: readonly Side[],
): Promise<readonly Rate[]> {
  const rates = await inTurns(
    context,
    sides.map((side) => async (repetition: number) => {
      const { work, close } = await side.prepare(repetition);
      const start = performance.now();
      await work();
      const seconds = (performance.now() - start) / 1000;
      await close?.();
      return operations / seconds;
    }),
  );
  return rates.map((own) => ({ rate: median(own), spread: spreadOf(own) }));
}

/** Whether the row keeps a target; undefined when it has no such figure. */
export function meets(row: Row, target: Target): boolean | undefined {
  const value = row[target.field];
  if (value === undefined) return undefined;
  return target.bound === 'at most' ? value <= target.value : value >= target.value;
}
