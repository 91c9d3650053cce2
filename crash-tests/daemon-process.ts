import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../src/base/environment.ts';
import { ControlClient } from '../src/control/client.ts';
import type { Notice } from '../src/control/results.ts';
import type { StartOutcome } from './history.ts';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** The built program, as users run it; or the sources, for what must not depend on a build. */
const programs = {
  built: [fileOf('../dist/src/cli/main.js')],
  sources: ['--import', 'tsx', fileOf('../src/cli/main.ts')],
} as const;
/** `built`, `sources`, or the main.js of another build: a release, or a copy with a planted bug. */
export type Program = keyof typeof programs | { readonly main: string };

export interface DaemonProcessOptions {
  /** For `AGENT_COLLAB_FAILPOINTS`. */
  readonly failpoints?: string;
  /** The wall clock of this daemon is so many days slow: how old records come into a store in seconds. */
  readonly daysSlow?: number;
  /** Clocks of this daemon: the wall clock is ahead by the ms in the file, the monotonic one runs fast by `drift`. */
  readonly clock?: { readonly file: string; readonly drift: number };
  /** A module of plain JavaScript that each of its threads begins with. */
  readonly preload?: string;
  /** A command that starts the daemon in its own place, such as `prlimit --nofile=40`. */
  readonly wrapper?: readonly string[];
}

/** A daemon that needs longer to start than this has failed, on however busy a machine. */
const readyWithinMs = 60_000;
/** SPEC §2: SIGTERM drains and closes within 5 s, after which it kills itself; the rest is for a machine that is busy. */
export const stopWithinMs = 8_000;
/** Between two looks at whether the daemon answers. */
const pollMs = 10;

/** What the node process that runs the program is started with. */
export function argumentsOf(program: Program): readonly string[] {
  return typeof program === 'string' ? programs[program] : [program.main];
}

export function programEnvironment(
  home: string,
  { failpoints, daysSlow, clock, preload }: Omit<DaemonProcessOptions, 'wrapper'> = {},
): NodeJS.ProcessEnv {
  const modules = [
    daysSlow === undefined ? undefined : slowClock(daysSlow),
    clock === undefined ? undefined : otherClock(clock.file, clock.drift),
    preload,
  ].filter((source) => source !== undefined);
  return childEnvironment({
    AGENT_COLLAB_HOME: home,
    AGENT_COLLAB_NO_AUTOSTART: '1',
    NO_COLOR: '1',
    AGENT_COLLAB_FAILPOINTS: failpoints ?? '',
    ...(modules.length === 0 ? {} : { NODE_OPTIONS: modules.map(importing).join(' ') }),
  });
}

/** base/clock.ts asks `Date.now` each time, in the main thread and in workers alike. */
function slowClock(days: number): string {
  return `const now=Date.now;Date.now=()=>now()-${days * 86_400_000}`;
}

function importing(source: string): string {
  return `--import data:text/javascript,${encodeURIComponent(source)}`;
}

/** As `slowClock`; the file is looked at every few milliseconds, as a clock that is set is seen at once. */
function otherClock(file: string, drift: number): string {
  return [
    `import{readFileSync}from'node:fs'`,
    `let ahead=0`,
    `const look=()=>{try{ahead=Number(readFileSync(${JSON.stringify(file)},'utf8'))||0}catch{}}`,
    `look();setInterval(look,20).unref()`,
    `const wall=Date.now,mono=performance.now.bind(performance)`,
    `Date.now=()=>Math.round(wall()+ahead)`,
    `performance.now=()=>mono()*${1 + drift}`,
  ].join(';');
}

/** A real daemon in a process of its own. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #exited: Promise<unknown>;
  #stderr = '';

  constructor(home: string, program: Program = 'built', options: DaemonProcessOptions = {}) {
    this.#home = home;
    const [command = process.execPath, ...words] = [
      ...(options.wrapper ?? []),
      process.execPath,
      ...argumentsOf(program),
    ];
    this.#child = spawn(command, [...words, 'run', '--port', '0'], {
      // Where tsx is found from, whatever directory the caller stands in.
      cwd: fileOf('..'),
      env: programEnvironment(home, options),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    // 'close' comes when standard error has been read to its end, which 'exit' does not wait for.
    this.#exited = once(this.#child, 'close');
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get outcome(): StartOutcome {
    const exitCode = this.isRunning ? null : (this.#child.exitCode ?? -1);
    return { pid: this.pid, exitCode, stderr: this.#stderr };
  }

  client(onNotices: (notices: readonly Notice[]) => void = () => {}): ControlClient {
    return new ControlClient({ socketPath: join(this.#home, 'daemon.sock'), onNotices });
  }

  /** Resolves when this daemon answers. @throws when it ends or stays silent. */
  async ready(): Promise<void> {
    const client = this.client();
    const deadline = performance.now() + readyWithinMs;
    try {
      for (;;) {
        if (!this.isRunning)
          throw new Error(`the daemon ended with ${this.ending} before it served\n${this.#stderr}`);
        // Refused while it starts. A socket of the daemon before answers with another pid, or not at all.
        const status = await client.call('status', {}, { timeoutMs: 2_000 }).catch(() => undefined);
        if (status?.data.pid === this.pid) return;
        if (performance.now() > deadline)
          throw new Error(`the daemon does not answer after ${readyWithinMs} ms\n${this.#stderr}`);
        await delay(pollMs);
      }
    } finally {
      client.close();
    }
  }

  /** At once, wherever it is. Returns before it is gone: `gone` waits. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async gone(): Promise<void> {
    await this.#exited;
  }

  /** True when it ended by itself within the time. */
  goneWithin(ms: number): Promise<boolean> {
    return Promise.race([this.#exited.then(() => true), delay(ms, false, { ref: false })]);
  }

  /** How it ended: the name of a signal, or `exit code N`. */
  get ending(): string {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Asks it to end and waits. @returns what is wrong with how it ended. */
  async stop(): Promise<readonly string[]> {
    this.terminate();
    if (!(await this.goneWithin(stopWithinMs))) {
      this.kill();
      await this.#exited;
      return [`SIGTERM: the daemon still ran after ${stopWithinMs} ms`];
    }
    return this.#child.exitCode === 0 ? [] : [`SIGTERM: the daemon ended with ${this.ending}, not 0`];
  }
}
