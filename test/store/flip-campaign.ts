/** Many seeded bit flips, each on a copy of the stores, read and repaired by processes that must survive them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { seededRandom } from '../support/seed.ts';
import {
  applyFlip,
  copyStores,
  drawFlip,
  type Flip,
  makeStores,
  type Places,
  placesIn,
  readFiles,
  type StoreName,
  storeNames,
} from './damage-fixture.ts';
import { own } from './log-fixture.ts';
import type { Mended } from './mend-and-serve.ts';
import type { Answers, Reading } from './read-everything.ts';
import { type Contents, recordPlaces } from './record-places.ts';

export type Outcome = 'harmless' | 'found at start' | 'found on reading' | 'wrong' | 'crash';

export interface CampaignResult {
  readonly flips: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** How often each kind of place was hit. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Flips after which a store was written anew, and what was given up by it. */
  readonly repaired: { flips: number; deltas: number; auditEvents: number };
  /** What must not be. Each names its flip. */
  readonly failures: readonly string[];
}

const program = fileURLToPath(new URL('./read-everything.ts', import.meta.url));

/** Reads directories one after the other; started anew after a crash. */
class ReaderProcess {
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  async read(directory: string): Promise<Reading | 'crash'> {
    if (this.#child === undefined || this.#lines === undefined) {
      this.#child = spawn(process.execPath, ['--import', 'tsx', program], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      this.#child.stdin?.on('error', () => {});
      this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[
        Symbol.asyncIterator
      ]();
    }
    this.#child.stdin?.write(`${directory}\n`);
    const line = await this.#lines.next();
    if (line.done !== true) return JSON.parse(line.value) as Reading;
    this.#child = undefined;
    return 'crash';
  }

  close(): void {
    this.#child?.stdin?.end();
  }
}

/** Stores as months leave them, as a compact copy does, and as the first transaction on such a copy does. */
async function makeOriginals(directory: string): Promise<readonly Places[]> {
  const worked = await makeStores(join(directory, 'worked'));
  const copied = placesIn(join(directory, 'copied'));
  for (const store of storeNames) {
    const environment = openEnvironment(worked[store], { durability: 'flush' });
    await environment.copyTo(copied[store], true);
    await environment.close();
  }
  const written = copyStores(copied, join(directory, 'written'));
  const log = await DeltaLogWriter.open(written.delta, { node: own.id });
  log.reserveFences(2000);
  await log.close();
  return [worked, copied, written];
}

export async function runFlipCampaign(
  directory: string,
  seed: number,
  flips: number,
): Promise<CampaignResult> {
  const originals = await makeOriginals(directory);
  const readers = [new ReaderProcess(), new ReaderProcess()] as const;
  const total = new Total();
  const judges: Judge[] = [];
  for (const [at, original] of originals.entries()) {
    const truthDirectory = join(directory, `truth-${at}`);
    copyStores(original, truthDirectory);
    const truth = await readers[0].read(truthDirectory);
    if (truth === 'crash' || 'error' in truth.mended || truth.mended.repair.rebuilt.length > 0)
      throw new Error(`the undamaged stores do not read: ${JSON.stringify(truth)}`);
    judges.push(new Judge(truth.answers, truth.mended.contents, recordPlaces(original), total));
  }
  const random = seededRandom(seed);
  const files = originals.map(readFiles);
  const work = Array.from({ length: flips }, (_, number) => {
    const which = number % originals.length;
    return { number, which, flip: drawFlip(files[which] as (typeof files)[number], random) };
  }).values();
  const run = async (reader: ReaderProcess, name: string) => {
    for (const { number, which, flip } of work) {
      const damaged = join(directory, name);
      const places = copyStores(originals[which] as Places, damaged);
      applyFlip(places, flip);
      const bytes = readFileSync(join(places[flip.store], 'data.mdb'));
      const reading = await reader.read(damaged);
      for (const failure of judges[which]?.take(flip, reading, bytes) ?? [])
        total.failures.push(`seed ${seed}, flip ${number}: ${failure}, ${JSON.stringify(flip)}`);
      rmSync(damaged, { recursive: true, force: true });
    }
  };
  await Promise.all(readers.map((reader, at) => run(reader, `damaged-${at}`)));
  for (const reader of readers) reader.close();
  return { flips, ...total };
}

class Total {
  readonly outcomes = { harmless: 0, 'found at start': 0, 'found on reading': 0, wrong: 0, crash: 0 };
  readonly kinds: Record<string, number> = {};
  readonly repaired = { flips: 0, deltas: 0, auditEvents: 0 };
  readonly failures: string[] = [];
}

class Judge {
  readonly #truth: Answers;
  readonly #contents: Contents;
  readonly #records: ReturnType<typeof recordPlaces>;
  readonly #total: Total;

  constructor(truth: Answers, contents: Contents, records: ReturnType<typeof recordPlaces>, total: Total) {
    this.#truth = truth;
    this.#contents = contents;
    this.#records = records;
    this.#total = total;
  }

  /** @param damaged the file as it was flipped. */
  take(flip: Flip, reading: Reading | 'crash', damaged: Buffer): readonly string[] {
    const kind = `${flip.store} ${flip.kind}`;
    this.#total.kinds[kind] = (this.#total.kinds[kind] ?? 0) + 1;
    const outcome = reading === 'crash' ? 'crash' : this.#outcome(reading.answers);
    this.#total.outcomes[outcome]++;
    if (reading === 'crash') return ['crash'];
    const bad = outcome === 'wrong' ? [`wrong answers ${JSON.stringify(reading.answers)}`] : [];
    if ('error' in reading.mended) return [...bad, `not repaired: ${reading.mended.error}`];
    return [...bad, ...this.#repair(flip, outcome, reading.mended, damaged)];
  }

  #outcome(answers: Answers): Outcome {
    if (answers.check === 'damaged') return 'found at start';
    let outcome: Outcome = 'harmless';
    for (const [name, answer] of Object.entries(answers)) {
      if (answer === this.#truth[name]) continue;
      if (!answer.startsWith('error STORE_DAMAGED')) return 'wrong';
      outcome = 'found on reading';
    }
    return outcome;
  }

  #repair(flip: Flip, outcome: Outcome, { repair, contents }: Mended, damaged: Buffer): readonly string[] {
    const failures: string[] = [];
    const check = (holds: boolean, what: string) => void (holds || failures.push(what));
    const touched = this.#touched(flip);
    const { lost, rebuilt, aside } = repair;
    const { repaired } = this.#total;
    repaired.deltas += lost.deltas;
    repaired.auditEvents += lost.auditEvents;
    if (rebuilt.length > 0) repaired.flips++;
    check(rebuilt.length > 0 || outcome === 'harmless', 'found, and nothing was repaired');
    // The one that was damaged; the index may have to follow.
    check(
      rebuilt.every((store) => store === flip.store || store === 'index'),
      `${rebuilt.join(', ')} rebuilt`,
    );
    // One that was found on reading has been opened, and so written, in between.
    if (outcome === 'found at start' && rebuilt.includes(flip.store))
      check(
        aside.length === 1 && readFileSync(join(aside[0] ?? '', 'data.mdb')).equals(damaged),
        'the damaged file is not kept',
      );
    const before = this.#contents;
    const missing = {
      delta: missingIn(before.deltas, contents.deltas),
      audit: missingIn(before.events, contents.events),
    };
    for (const [store, records] of Object.entries(missing))
      for (const record of records)
        check(touched?.store === store && touched.record === record, `${store} ${record} is lost`);
    check(lost.deltas === missing.delta.length, `${lost.deltas} deltas are counted as lost`);
    check(contents.lostPositions.join() === missing.delta.join(), `lost ${contents.lostPositions.join()}`);
    check(lost.auditEvents === missing.audit.length, `${lost.auditEvents} events are counted as lost`);
    check(contents.lostEvents === lost.auditEvents, `${contents.lostEvents} events are recorded as lost`);
    for (const [name, value] of Object.entries(before.state)) {
      const now = contents.state[name as keyof Contents['state']];
      check(now >= value, `${name} went from ${value} to ${now}`);
    }
    check(contents.state.head === before.state.head, `the head is ${contents.state.head}`);
    for (const [source, seq] of Object.entries(before.seqs))
      check((contents.seqs[source] ?? 0) >= seq, `seq of ${source} went to ${contents.seqs[source]}`);
    return failures;
  }

  #touched({ store, byte }: Flip): { readonly store: StoreName; readonly record: number } | undefined {
    return this.#records.find((place) => place.store === store && byte >= place.from && byte < place.to);
  }
}

function missingIn(
  before: Readonly<Record<number, string>>,
  after: Readonly<Record<number, string>>,
): readonly number[] {
  return Object.keys(before)
    .map(Number)
    .filter((record) => after[record] !== before[record])
    .sort((a, b) => a - b);
}
