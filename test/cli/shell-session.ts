/** A shell at a terminal of its own, as somebody types into it: `script` (util-linux) makes the terminal. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';

/** Undefined where the machine has all of the programs; else why a test is skipped. */
export function lacks(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((name) => spawnSync('/bin/sh', ['-c', `command -v ${name}`]).status !== 0);
  return missing.length === 0 ? undefined : `no ${missing.join(', no ')}`;
}

export class ShellSession {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';
  #look = () => {};
  #gone = () => {};

  constructor(command: string, cwd: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], {
      cwd,
      env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#look();
    });
    this.#child.stdin.on('error', () => {});
    this.#child.once('close', () => this.#gone());
  }

  /** Types and waits for `pattern` in what the terminal has shown since the start. */
  async type(keys: string, pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#look = () => {
        if (pattern.test(this.#output)) resolve();
      };
      this.#gone = () => reject(new Error(`the shell ended:\n${this.#output}`));
      this.#child.stdin.write(keys);
    });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
