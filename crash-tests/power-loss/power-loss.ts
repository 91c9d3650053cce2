/**
 * The power fails at seeded moments of a recorded daemon, and of what was not synced by then any subset reaches the disk, torn or whole.
 * Each such state is opened, most the way a start does it and some by the real daemon, and must hold whatever had been promised.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../test/support/seed.ts';
import type { Program } from '../daemon-process.ts';
import { canRun } from '../environment-faults.ts';
import { beyondDisks, variants } from './crash-states.ts';
import type { NameRule } from './disk-model.ts';
import { type Draw, type DrawnState, draw, Replay } from './draw-states.ts';
import { type FailedState, keepFailures } from './failures.ts';
import { judge, type NotOpened, type Opened } from './judge.ts';
import type { Planting } from './plantings.ts';
import { type LivedOperation, loadRecording, operationsOf, type Recording, record } from './record.ts';
import { answersMissed, differencesFromDisk } from './replay-check.ts';
import { writeState } from './state-files.ts';
import { openWithDaemon, StateOpener } from './state-opener.ts';
import { Tally } from './tally.ts';

export interface PowerLossOptions {
  readonly seed: number;
  /** Distinct states that are opened. */
  readonly states: number;
  readonly program: Program;
  readonly say: (line: string) => void;
  /** A recording that was kept, instead of a new one. */
  readonly recording?: string;
  /** What is falsified in the recording before the replay. Then nothing is kept as evidence. */
  readonly planting?: Planting;
  /** Answers that agents wait for in each life of the daemon. @default defaultAnswers */
  readonly answers?: number;
  /** Of so many states the real daemon opens one, which takes ten times as long. @default defaultDaemonEvery */
  readonly daemonEvery?: number;
  /** States that are opened side by side. @default defaultJobs */
  readonly jobs?: number;
  /** Ends at the first failure. @default false */
  readonly untilFailure?: boolean;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const defaultAnswers = 80;
const defaultDaemonEvery = 5;
/** For so many states there is one more in which a meta page is torn as no disk tears. */
const beyondEvery = 10;
const defaultJobs = 2;
/** A walk draws some states twice, and some that another walk has drawn. */
const mostWalks = 12;
/** A cause shows in more states than anybody looks at. */
const mostShown = 20;
const rules: readonly NameRule[] = ['strict', 'with-file'];

/** A recording and what it says. */
export interface Recorded {
  /** Where it lies. */
  readonly directory: string;
  readonly recording: Recording;
  readonly operations: readonly LivedOperation[];
}

/** @returns the number of states that broke a promise. @throws when strace cannot be had or the recording cannot be trusted. */
export async function runPowerLoss(options: PowerLossOptions): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-power-'));
  try {
    return await failPower(options, await recorded(options, join(directory, 'recording')));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Whether processes can be traced here, by the options that a recording uses. */
export function straceWorks(): boolean {
  return canRun('strace', '-D', '-f', '--seccomp-bpf', '-o', '/dev/null', 'true');
}

/** Made in `directory` unless one was kept. */
export async function recorded(options: PowerLossOptions, directory: string): Promise<Recorded> {
  const { recording: kept, seed, program, say, answers = defaultAnswers } = options;
  if (kept !== undefined) {
    const recording = loadRecording(kept);
    return { directory: kept, recording, operations: operationsOf(recording) };
  }
  if (!straceWorks())
    throw new Error('strace is missing or may not trace here: apt-get install strace; nothing was tested');
  mkdirSync(directory);
  const recording = await record({ directory, seed, program, answers });
  const operations = operationsOf(recording);
  const { model, expectation } = new Replay(recording, operations).end();
  const wrong = [...differencesFromDisk(model, recording.watched), ...answersMissed(expectation, recording)];
  if (wrong.length > 0) throw new Error(`the recording cannot be trusted: ${wrong.join('; ')}`);
  const { traces, promised } = recording;
  say(`recorded ${traces.length} lives of the daemon, ${promised.length} shares answered as flushed`);
  return { directory, recording, operations };
}

/** The same on a recording that is there. */
export async function failPower(options: PowerLossOptions, recorded: Recorded): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-states-'));
  try {
    return await new Campaign(options, directory, recorded).run();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class Campaign {
  readonly #options: PowerLossOptions;
  readonly #directory: string;
  readonly #recorded: Recorded;
  readonly #replay: Replay;
  readonly #tally = new Tally(variants);
  readonly #beyondTally = new Tally([beyondDisks]);
  readonly #failures: FailedState[] = [];
  #failed = 0;
  /** States that no disk leaves which writes its sectors whole, and in which something promised is gone. */
  #lostBeyond = 0;
  /** What each state showed, by its key: byte for byte the same files are opened once, and judged by every promise. */
  readonly #opened = new Map<string, Promise<Opened | NotOpened>>();

  constructor(options: PowerLossOptions, directory: string, recorded: Recorded) {
    this.#options = options;
    this.#directory = directory;
    this.#recorded = recorded;
    const { recording, operations } = recorded;
    this.#replay = new Replay(recording, options.planting?.change(operations) ?? operations);
  }

  async run(): Promise<number> {
    const { seed, states, say } = this.#options;
    const project = join(this.#directory, 'project');
    execFileSync('git', ['init', '--quiet', project]);
    const moments = new Map(rules.map((rule) => [rule, this.#replay.eligible(rule)]));
    for (const [rule, found] of moments)
      say(`${rule}: the disk could be in several states at ${found.length} moments`);
    for (let walk = 0; walk < mostWalks && this.#goesOn; walk += 1) {
      const rule = rules[walk % rules.length] ?? 'strict';
      const left = states - this.#opened.size;
      const count = walk === 0 ? Math.ceil(left / 2) : left;
      const draws = draw(moments.get(rule) ?? [], rule, variants, count, seededRandom(seed * 1009 + walk));
      await this.#openAll(this.#replay.states(draws, rule), project);
    }
    await this.#openAll(this.#replay.states(this.#beyond(), 'strict'), project);
    for (const line of [...this.#tally.lines(), ...this.#beyondTally.lines()]) say(line);
    if (this.#lostBeyond > 0)
      say(`  ${this.#lostBeyond} of those lost something: LMDB's own limit, see docs/STORAGE.md`);
    say(`${this.#failed} states broke a promise`);
    this.#report();
    return this.#failed;
  }

  /** Beside the states that were asked for. */
  #beyond(): readonly Draw[] {
    const { seed, states } = this.#options;
    const count = Math.ceil(states / beyondEvery);
    return draw(
      this.#replay.commits(),
      'strict',
      [beyondDisks],
      count,
      seededRandom(seed * 1009 + mostWalks),
    );
  }

  get #goesOn(): boolean {
    return this.#opened.size < this.#options.states && !this.#isOver;
  }

  get #isOver(): boolean {
    return this.#options.untilFailure === true && this.#failed > 0;
  }

  /** A few side by side, each in a directory of its own. */
  async #openAll(drawn: Iterator<DrawnState>, project: string): Promise<void> {
    const work = async (at: number) => {
      const opener = new StateOpener();
      const home = join(this.#directory, `state-${at}`);
      try {
        for (let next = drawn.next(); next.done !== true && !this.#isOver; next = drawn.next())
          await this.#take(next.value, opener, home, project);
      } finally {
        opener.close();
      }
    };
    await Promise.all(Array.from({ length: this.#options.jobs ?? defaultJobs }, (_, at) => work(at)));
  }

  async #take(drawn: DrawnState, opener: StateOpener, directory: string, project: string): Promise<void> {
    const { key } = drawn.state;
    const known = this.#opened.get(key);
    const { daemonEvery = defaultDaemonEvery } = this.#options;
    const byDaemon = known === undefined && (this.#opened.size + 1) % daemonEvery === 0;
    const opening = known ?? this.#open(drawn, opener, directory, byDaemon ? project : undefined);
    this.#opened.set(key, opening);
    const opened = await opening;
    // No file can be expected to be whole then; what was promised can.
    const isBeyond = drawn.draw.variant === beyondDisks;
    if (known === undefined) (isBeyond ? this.#beyondTally : this.#tally).add(drawn, opened, byDaemon);
    const problems = judge(opened, { ...drawn.expectation, ...(isBeyond && { begun: false }) });
    if (problems.length === 0) return;
    if (isBeyond) {
      this.#lostBeyond += 1;
      return;
    }
    this.#failed += 1;
    if (this.#failures.length < mostShown) this.#failures.push({ drawn, opened, problems });
  }

  #open(
    drawn: DrawnState,
    opener: StateOpener,
    directory: string,
    project: string | undefined,
  ): Promise<Opened | NotOpened> {
    writeState(directory, drawn.state.files, seededRandom(drawn.draw.seed));
    const home = join(directory, 'home');
    return project === undefined ? opener.open(home) : openWithDaemon(home, this.#options.program, project);
  }

  #report(): void {
    const { say, seed, states, planting } = this.#options;
    if (this.#failures.length === 0) return;
    for (const { drawn, problems } of this.#failures) {
      const { draw: drew, moment } = drawn;
      say(
        `FAILED ${drew.rule}, ${drew.variant}, as ${moment.operation.kind} ${moment.operation.number} ${moment.edge}s`,
      );
      for (const problem of problems.slice(0, 5)) say(`  ${problem}`);
      if (problems.length > 5) say(`  and ${problems.length - 5} more`);
    }
    if (this.#failed > mostShown) say(`and ${this.#failed - mostShown} more`);
    if (planting !== undefined) return;
    const kept = `.evidence/power-loss-${seed}`;
    keepFailures(this.#recorded.directory, join(root, kept), this.#failures);
    say(`evidence: ${kept}`);
    say(`repeat:   npm run crash-test -- --power-loss --seed ${seed} --states ${states} --recording ${kept}`);
  }
}
