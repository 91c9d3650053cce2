import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { WireError } from '../src/base/errors.ts';
import { argumentsOf, type Program, programEnvironment } from './daemon-process.ts';

export interface CommandOptions {
  readonly program: Program;
  readonly home: string;
  readonly cwd: string;
  /** For `AGENT_COLLAB_FAILPOINTS`. */
  readonly failpoints?: string;
  /** Whether it may start a daemon. @default false */
  readonly autostart?: boolean;
}

export interface CommandOutcome {
  /** The name of a signal, or `exit code N`. */
  readonly ending: string;
  /** `data` of the envelope when the command was done. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly error?: WireError;
  readonly stderr: string;
}

/** A command of the program in a process of its own, asked for JSON. */
export class CommandProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  constructor(words: readonly string[], { program, home, cwd, failpoints, autostart }: CommandOptions) {
    const environment = programEnvironment(home, failpoints === undefined ? {} : { failpoints });
    this.#child = spawn(process.execPath, [...argumentsOf(program), ...words, '--json'], {
      cwd,
      env: autostart === true ? { ...environment, AGENT_COLLAB_NO_AUTOSTART: '' } : environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#exited = once(this.#child, 'close');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async outcome(): Promise<CommandOutcome> {
    await this.#exited;
    const ending = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
    const envelope = parseEnvelope(this.#stdout);
    return { ending, stderr: this.#stderr, ...envelope };
  }
}

function parseEnvelope(text: string): Pick<CommandOutcome, 'data' | 'error'> {
  if (text === '') return {};
  const { data, error } = JSON.parse(text) as Pick<CommandOutcome, 'data' | 'error'>;
  return { ...(data === undefined ? {} : { data }), ...(error === undefined ? {} : { error }) };
}
