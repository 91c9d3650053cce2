/** Draws moments of a recording and, for each, what the power loss lets through. */
import { type SeededRandom, seededRandom } from '../../test/support/seed.ts';
import { buildState, type CrashState, metaBlocks, pendingCount, type Variant } from './crash-states.ts';
import { blockBytes, DiskModel, type Moment, momentsOf, type NameRule } from './disk-model.ts';
import { type Expectation, Promises } from './promises.ts';
import type { LivedOperation, Recording } from './record.ts';

/** What a state is built from: enough to build it again. */
export interface Draw {
  readonly rule: NameRule;
  /** Index of the moment. */
  readonly at: number;
  readonly variant: Variant;
  readonly seed: number;
}

export interface DrawnState {
  readonly draw: Draw;
  readonly moment: Moment<LivedOperation>;
  readonly state: CrashState;
  readonly expectation: Expectation;
  /** Commits that the running system had seen and that the disk has not, over all stores. */
  readonly commitsLost: number;
}

export class Replay {
  readonly moments: readonly Moment<LivedOperation>[];
  readonly #recording: Recording;

  constructor(recording: Recording, operations: readonly LivedOperation[]) {
    this.#recording = recording;
    this.moments = momentsOf(operations);
  }

  /**
   * The moments at which the disk can be in more than one state; of those between which nothing is written or synced only the last,
   * when most has been promised.
   */
  eligible(rule: NameRule): readonly number[] {
    const found: number[] = [];
    for (const { at, model } of this.#walk(rule)) {
      if (this.moments[at + 1]?.operation.kind === 'answer') continue;
      if (pendingCount(model) > 0) found.push(at);
    }
    return found;
  }

  /** The moments at which a commit writes the meta page that makes it count. */
  commits(): readonly number[] {
    return [...this.moments.entries()].flatMap(([at, { operation, edge }]) => {
      if (edge !== 'begin' || operation.kind !== 'write' || !operation.path.endsWith('/data.mdb')) return [];
      const isMeta = operation.offset < metaBlocks * blockBytes && operation.data.length < blockBytes;
      return isMeta ? [at] : [];
    });
  }

  /** In the order of their moments. */
  *states(draws: readonly Draw[], rule: NameRule): Generator<DrawnState> {
    const promises = new Promises(this.#recording);
    const ordered = draws.filter((draw) => draw.rule === rule).sort((a, b) => a.at - b.at);
    let next = 0;
    for (const { at, moment, model } of this.#walk(rule)) {
      promises.advance(moment);
      for (let draw = ordered[next]; draw?.at === at; draw = ordered[++next]) {
        const state = buildState(model, draw.variant, seededRandom(draw.seed));
        const commitsLost = commitsBehind(model, state);
        yield { draw, moment, state, expectation: promises.expectation(), commitsLost };
      }
    }
  }

  /** What the running system saw at the end, and all that was promised. */
  end(): { readonly model: DiskModel; readonly expectation: Expectation } {
    const promises = new Promises(this.#recording);
    let end = new DiskModel(new Map());
    for (const { model, moment } of this.#walk('strict')) {
      end = model;
      promises.advance(moment);
    }
    return { model: end, expectation: promises.expectation() };
  }

  /** Each moment, with the disk after it. */
  *#walk(rule: NameRule): Generator<{
    readonly at: number;
    readonly moment: Moment<LivedOperation>;
    readonly model: DiskModel;
  }> {
    const model = new DiskModel(new Map(), rule);
    let life = 0;
    for (const [at, moment] of this.moments.entries()) {
      if (moment.operation.life > life) {
        model.processEnded();
        life = moment.operation.life;
      }
      model.advance(moment);
      yield { at, moment, model };
    }
  }
}

/** Each of the variants in turn, at any of the moments. */
export function draw(
  moments: readonly number[],
  rule: NameRule,
  among: readonly Variant[],
  count: number,
  random: SeededRandom,
): readonly Draw[] {
  const first = random.int(0, among.length - 1);
  return Array.from({ length: count }, (_, at) => ({
    rule,
    at: random.pick(moments),
    variant: among[(first + at) % among.length] ?? 'none',
    seed: random.int(0, 2 ** 31),
  }));
}

const transactionAt = 152;

/** LMDB numbers the commits of an environment, and notes the number in the meta page that makes one count. */
function newestCommit(data: Buffer): number {
  let newest = 0;
  for (const at of [transactionAt, blockBytes + transactionAt])
    if (data.length >= at + 8) newest = Math.max(newest, Number(data.readBigUInt64LE(at)));
  return newest;
}

function commitsBehind(model: DiskModel, { files }: CrashState): number {
  let behind = 0;
  for (const [path, inode] of model.names) {
    if (!path.endsWith('/data.mdb')) continue;
    const found = files.get(path);
    const commits = newestCommit(inode.cache.subarray(0, inode.cacheSize));
    behind += Math.max(0, commits - (Buffer.isBuffer(found) ? newestCommit(found) : 0));
  }
  return behind;
}
