/** What is done to the daemon. Every number of a scenario comes from its seed; only the machine's scheduling does not. */
import { setTimeout as delay } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from '../test/support/seed.ts';
import { checks, oneServes } from './checks.ts';
import { DaemonProcess } from './daemon-process.ts';
import { type History, newHistory, type Observation } from './history.ts';
import { observe } from './observe.ts';
import { work } from './workload.ts';

/** One scenario under way: where it runs, what it has seen, what was wrong. */
export class Round {
  readonly home: string;
  readonly cwd: string;
  readonly seed: number;
  readonly random: SeededRandom;
  readonly history: History = newHistory();
  readonly problems: string[] = [];
  readonly #daemons: DaemonProcess[] = [];
  #life = 0;
  #observation: Observation | undefined;

  constructor(home: string, cwd: string, seed: number) {
    this.home = home;
    this.cwd = cwd;
    this.seed = seed;
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

  start(): DaemonProcess {
    const daemon = new DaemonProcess(this.home);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Agents work until `strike`, called at the `atAnswer`-th answer, has ended the daemon. */
  async workUntil(daemon: DaemonProcess, atAnswer: number, strike: () => void): Promise<void> {
    let struck = false;
    await work(() => daemon.client(), this.history, {
      seed: this.seed,
      agents: this.random.int(1, 6),
      life: this.#life,
      cwd: this.cwd,
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
    await daemon.gone();
    this.#life += 1;
  }

  /** Starts the daemon again, looks at everything, and holds it against the history. */
  async check(daemon: DaemonProcess): Promise<void> {
    const client = daemon.client();
    try {
      const observation = await observe(client, this.cwd);
      this.#observation = observation;
      for (const check of checks) this.problems.push(...check(this.history, observation));
      this.history.seen.splice(0, this.history.seen.length, ...observation.deltas);
    } finally {
      client.close();
    }
  }

  /** The last life: it must have everything, go on, and end in order. */
  async finish(): Promise<void> {
    const daemon = this.start();
    await daemon.ready();
    await this.check(daemon);
    this.problems.push(...(await daemon.stop()));
  }

  /** Leaves no process behind, however the round ended. */
  async end(): Promise<void> {
    for (const daemon of this.#daemons) {
      daemon.kill();
      await daemon.gone();
    }
  }
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(round: Round): Promise<void>;
}

const killUnderLoad: Scenario = {
  name: 'kill-under-load',
  about: 'SIGKILL at the n-th acknowledgement, in three lives of one directory (G1, G2, G3, G6)',
  async run(round) {
    for (let life = 0; life < 3; life += 1) {
      const daemon = round.start();
      await daemon.ready();
      if (life > 0) await round.check(daemon);
      await round.workUntil(daemon, round.random.int(1, 250), () => daemon.kill());
    }
    await round.finish();
  },
};

const killAtStart: Scenario = {
  name: 'kill-at-start',
  about: 'SIGKILL while the daemon starts on a directory that a kill left behind (G1, G2, G3, G10)',
  async run(round) {
    const first = round.start();
    await first.ready();
    await round.workUntil(first, round.random.int(20, 150), () => first.kill());
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const daemon = round.start();
      // Not to wait for a state: the moment is what the seed draws. Over 400 ms the daemon serves.
      await delay(round.random.int(20, 400));
      daemon.kill();
      await daemon.gone();
    }
    await round.finish();
  },
};

const killAtStop: Scenario = {
  name: 'kill-at-stop',
  about: 'SIGTERM under load, then SIGKILL while the daemon drains and closes (G1, G2, G3, G6)',
  async run(round) {
    for (let life = 0; life < 2; life += 1) {
      const daemon = round.start();
      await daemon.ready();
      const graceMs = round.random.int(0, 60);
      await round.workUntil(daemon, round.random.int(20, 150), () => {
        daemon.terminate();
        // The moment is what the seed draws; a daemon that is done by then has ended in order.
        setTimeout(() => daemon.kill(), graceMs);
      });
    }
    await round.finish();
  },
};

/** A daemon that finds another one has nothing to wait for. */
const refusedWithinMs = 10_000;

const twoAtOnce: Scenario = {
  name: 'two-at-once',
  about:
    'two or three daemons started at once, on an empty directory and on one that a kill left behind (G10)',
  async run(round) {
    for (const leftBehind of [false, true]) {
      const daemons = Array.from({ length: round.random.int(2, 3) }, () => round.start());
      const serving = await firstReady(daemons);
      const others = daemons.filter((one) => one !== serving).map((one) => one.gone());
      await Promise.race([Promise.all(others), delay(refusedWithinMs, undefined, { ref: false })]);
      round.problems.push(
        ...oneServes(
          daemons.map((one) => one.outcome),
          serving.pid,
        ),
      );
      if (leftBehind) await round.check(serving);
      await round.workUntil(serving, round.random.int(5, 60), () => serving.kill());
    }
    await round.finish();
  },
};

async function firstReady(daemons: readonly DaemonProcess[]): Promise<DaemonProcess> {
  return Promise.any(daemons.map((daemon) => daemon.ready().then(() => daemon)));
}

export const scenarios: readonly Scenario[] = [killUnderLoad, killAtStart, killAtStop, twoAtOnce];
