/** One scenario under way: where it runs, what it has seen, what was wrong. */
import { join } from 'node:path';
import type { CollabError } from '../src/base/errors.ts';
import type { Notice } from '../src/control/results.ts';
import { type SeededRandom, seededRandom } from '../test/support/seed.ts';
import { checks } from './checks.ts';
import { type CommandOptions, CommandProcess } from './command-process.ts';
import { DaemonProcess, type DaemonProcessOptions, type Program } from './daemon-process.ts';
import { type History, newHistory, type Observation, type PossibleState, putBack } from './history.ts';
import { observe } from './observe.ts';
import { work } from './workload.ts';

export interface RoundOptions {
  /** Everything of the round lies in it. */
  readonly directory: string;
  /** A repository to work in. */
  readonly cwd: string;
  readonly seed: number;
  readonly program: Program;
}

export interface WorkOptions {
  /** @default 1 to 6, by the seed */
  readonly agents?: number;
  readonly excused?: (error: CollabError) => boolean;
}

/** An agent takes fewer turns between two calls of `work`. */
const turnsOfStretch = 1_000_000;

export class Round {
  readonly directory: string;
  /** The data directory, until a scenario wants it elsewhere. */
  home: string;
  readonly cwd: string;
  readonly seed: number;
  readonly program: Program;
  readonly random: SeededRandom;
  history: History = newHistory();
  readonly problems: string[] = [];
  /** What happened, for people: `killed at persist.taken`. */
  readonly notes: string[] = [];
  readonly #daemons: DaemonProcess[] = [];
  readonly #commands: CommandProcess[] = [];
  readonly #undo: (() => Promise<void> | void)[] = [];
  #life = 0;
  #kills = 0;
  #stretches = 0;
  #observation: Observation | undefined;

  constructor({ directory, cwd, seed, program }: RoundOptions) {
    this.directory = directory;
    this.home = join(directory, 'home');
    this.cwd = cwd;
    this.seed = seed;
    this.program = program;
    this.random = seededRandom(seed);
  }

  get evidence(): {
    readonly history: History;
    readonly observation: Observation | undefined;
    readonly logs: readonly string[];
  } {
    return {
      history: this.history,
      observation: this.#observation,
      logs: this.#daemons.map((one) => one.stderr),
    };
  }

  get life(): number {
    return this.#life;
  }

  /** Processes of the program that ended by SIGKILL while this round looked on. */
  get kills(): number {
    return this.#kills;
  }

  countKill(): void {
    this.#kills += 1;
  }

  start(options: DaemonProcessOptions = {}): DaemonProcess {
    const daemon = new DaemonProcess(this.home, this.program, options);
    this.#daemons.push(daemon);
    return daemon;
  }

  async startReady(options: DaemonProcessOptions = {}): Promise<DaemonProcess> {
    const daemon = this.start(options);
    await daemon.ready();
    return daemon;
  }

  /** As startReady, of a daemon that may be at its armed place before it serves: its peers have something for it by then. */
  async startArmed(failpoints: string): Promise<DaemonProcess> {
    const daemon = this.start({ failpoints });
    try {
      await daemon.ready();
    } catch (error) {
      if (daemon.isRunning || daemon.ending !== 'SIGKILL') throw error;
    }
    return daemon;
  }

  /** Runs a command of the program on this round's directory, in its repository. */
  command(
    words: readonly string[],
    options: Pick<CommandOptions, 'failpoints' | 'autostart'> = {},
  ): CommandProcess {
    const { program, home, cwd } = this;
    const command = new CommandProcess(words, { program, home, cwd, ...options });
    this.#commands.push(command);
    return command;
  }

  /** Agents work until `answers` answers were given. The daemon goes on. */
  async workFor(daemon: DaemonProcess, answers: number, options: WorkOptions = {}): Promise<void> {
    let given = 0;
    await this.#work(daemon, options, {
      onAnswer: (count) => {
        given = count;
      },
      stopped: () => given >= answers,
    });
  }

  /** Agents work until the daemon is gone by itself: an armed failpoint kills it. Nothing else may end it. */
  async workUntilGone(daemon: DaemonProcess, withinMs: number, options: WorkOptions = {}): Promise<boolean> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
    }, withinMs);
    await this.#work(daemon, options, { onAnswer: () => {}, stopped: () => late || !daemon.isRunning });
    clearTimeout(timer);
    const reached = await daemon.goneWithin(late ? 0 : withinMs);
    daemon.kill();
    await this.ended(daemon);
    return reached;
  }

  /** Agents work until `what` is over, whatever comes of it. The daemon may be gone by then. */
  async workDuring<T>(daemon: DaemonProcess, what: Promise<T>, options: WorkOptions = {}): Promise<T> {
    let over = false;
    const ended = what.finally(() => {
      over = true;
    });
    // Its own failure is told by the await below.
    ended.catch(() => undefined);
    await this.#work(daemon, options, { onAnswer: () => {}, stopped: () => over });
    return ended;
  }

  /** Agents work until `strike`, called at the `atAnswer`-th answer, has ended the daemon. */
  async workUntil(daemon: DaemonProcess, atAnswer: number, strike: () => void, options: WorkOptions = {}) {
    let struck = false;
    await this.#work(daemon, options, {
      onAnswer: (count) => {
        if (count !== atAnswer) return;
        struck = true;
        strike();
      },
      stopped: () => struck,
    });
    if (!struck) {
      this.problems.push(`the daemon gave fewer than ${atAnswer} answers before its agents stopped`);
      daemon.kill();
    }
    await this.ended(daemon);
  }

  #work(
    daemon: DaemonProcess,
    { agents = this.random.int(1, 6), excused }: WorkOptions,
    until: { readonly onAnswer: (count: number) => void; readonly stopped: () => boolean },
  ): Promise<void> {
    const firstTurn = turnsOfStretch * this.#stretches;
    this.#stretches += 1;
    const { told } = this.history;
    const listen = (notices: readonly Notice[]) => {
      for (const { lockId } of notices) told.add(lockId);
    };
    return work(() => daemon.client(listen), this.history, {
      seed: this.seed,
      firstTurn,
      agents,
      life: this.#life,
      cwd: this.cwd,
      ...(excused === undefined ? {} : { excused }),
      ...until,
    });
  }

  /** Waits until the daemon is gone. When it ended in order, everything that it answered is on record (G4). The next one is another life. */
  async ended(daemon: DaemonProcess): Promise<void> {
    await daemon.gone();
    if (daemon.ending === 'SIGKILL') this.#kills += 1;
    this.history.ticks += 1;
    if (daemon.ending === 'exit code 0')
      this.history.barriers.push({ life: this.#life, askedAt: this.history.ticks });
    this.#life += 1;
  }

  async stop(daemon: DaemonProcess): Promise<void> {
    this.problems.push(...(await daemon.stop()));
    await this.ended(daemon);
  }

  /** One that this round did not start has ended. */
  nextLife(): void {
    this.#life += 1;
  }

  /** Looks at everything, and holds it against the history. */
  async check(daemon: DaemonProcess): Promise<Observation> {
    const observation = await this.#observe(daemon);
    this.problems.push(...problemsOf(this.history, observation));
    this.#remember(observation);
    return observation;
  }

  /** What a kill in the middle of a change leaves is one of these states, whole (G5): it is this round's history from here on. */
  async checkOneOf(daemon: DaemonProcess, states: readonly PossibleState[]): Promise<string> {
    const observation = await this.#observe(daemon);
    const judged = states.map(({ name, history }) => ({
      name,
      history,
      problems: problemsOf(history, observation),
    }));
    const best = judged.reduce((a, b) => (b.problems.length < a.problems.length ? b : a));
    if (best.problems.length > 0) {
      const names = judged.map(({ name, problems }) => `${name} (${problems.length} problems)`).join(', ');
      this.problems.push(`G5: the state is none of ${names}`, ...best.problems);
    }
    this.history = best.history;
    this.#remember(observation);
    return best.name;
  }

  /** The history as it is now, for what may bring this state back. */
  snapshot(): History {
    return structuredClone(this.history);
  }

  /** The history of a directory that was put back to the state of `snapshot`. */
  putBackTo(snapshot: History): History {
    return putBack(this.history, snapshot);
  }

  async #observe(daemon: DaemonProcess): Promise<Observation> {
    const notices: Notice[] = [];
    const client = daemon.client((told) => notices.push(...told));
    try {
      const { history, cwd } = this;
      const observation = await observe(client, { cwd, life: this.#life, history, notices });
      this.#observation = observation;
      return observation;
    } finally {
      client.close();
    }
  }

  #remember({ deltas, events, notices }: Observation): void {
    const { seen, seenEvents, told } = this.history;
    for (const { lockId } of notices) told.add(lockId);
    // What is not committed yet, and so has no place in the chain, may be gone after a kill.
    seen.splice(0, seen.length, ...deltas.filter(({ prev }) => prev !== null));
    for (const event of events) seenEvents.set(event.cursor, event);
  }

  /** The last life: it must have everything, go on, and end in order. */
  async finish(): Promise<void> {
    const daemon = await this.startReady();
    await this.check(daemon);
    await this.stop(daemon);
  }

  /** What was acknowledged does not count any more: somebody deleted it. */
  forget(): void {
    this.history = newHistory();
  }

  /** To be done after the evidence was kept. */
  onEnd(undo: () => Promise<void> | void): void {
    this.#undo.unshift(undo);
  }

  /** Takes back what was done to the machine. */
  async undo(): Promise<void> {
    for (const undo of this.#undo.splice(0)) await undo();
  }

  /** Leaves no process behind, however the round ended. */
  async end(): Promise<void> {
    for (const command of this.#commands) {
      command.kill();
      await command.outcome();
    }
    for (const daemon of this.#daemons) {
      daemon.kill();
      await daemon.gone();
    }
  }
}

function problemsOf(history: History, observation: Observation): readonly string[] {
  return checks.flatMap((check) => check(history, observation));
}
