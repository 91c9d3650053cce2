import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../src/base/environment.ts';
import { ControlClient } from '../src/control/client.ts';
import type { StartOutcome } from './history.ts';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** The built program, as users run it; or the sources, for what must not depend on a build. */
const programs = {
  built: [fileOf('../dist/src/cli/main.js')],
  sources: ['--import', 'tsx', fileOf('../src/cli/main.ts')],
} as const;
/** A daemon that needs longer to start than this has failed: the target is a quarter of a second (SPEC §15). */
const readyWithinMs = 20_000;
/** SPEC §2: SIGTERM drains and closes within 5 s. */
const stopWithinMs = 5_000;
/** Between two looks at whether the daemon answers. */
const pollMs = 10;

/** A real daemon in a process of its own. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #exited: Promise<unknown>;
  #stderr = '';

  constructor(home: string, program: keyof typeof programs = 'built') {
    this.#home = home;
    this.#child = spawn(process.execPath, [...programs[program], 'run', '--port', '0'], {
      // Where tsx is found from, whatever directory the caller stands in.
      cwd: fileOf('..'),
      env: childEnvironment({ AGENT_COLLAB_HOME: home, AGENT_COLLAB_NO_AUTOSTART: '1', NO_COLOR: '1' }),
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

  client(): ControlClient {
    return new ControlClient({ socketPath: join(this.#home, 'daemon.sock') });
  }

  /** Resolves when this daemon answers. @throws when it ends or stays silent. */
  async ready(): Promise<void> {
    const client = this.client();
    const deadline = performance.now() + readyWithinMs;
    try {
      for (;;) {
        if (!this.isRunning)
          throw new Error(`the daemon ended with ${this.#ending} before it served\n${this.#stderr}`);
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

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Asks it to end and waits. @returns what is wrong with how it ended. */
  async stop(): Promise<readonly string[]> {
    this.terminate();
    const inTime = await Promise.race([
      this.#exited.then(() => true),
      delay(stopWithinMs, false, { ref: false }),
    ]);
    if (!inTime) {
      this.kill();
      await this.#exited;
      return [`SIGTERM: the daemon still ran after ${stopWithinMs} ms`];
    }
    return this.#child.exitCode === 0 ? [] : [`SIGTERM: the daemon ended with ${this.#ending}, not 0`];
  }

  get #ending(): string {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }
}
