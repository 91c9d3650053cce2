/** A node of a cluster under the nemesis: its daemon, which may be killed, paused or sent to another time, and comes back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlClient } from '../../src/control/client.ts';
import { preparePeer } from '../cluster.ts';
import { DaemonProcess, type Program } from '../daemon-process.ts';
import type { Host } from './network.ts';

export class NemesisNode {
  readonly name: string;
  readonly #home: string;
  readonly #program: Program;
  readonly #host: Host | undefined;
  readonly #clockFile: string;
  /** Of the monotonic clock, against true time. */
  readonly #drift: number;
  #daemon: DaemonProcess | undefined;
  /** Rises with each trouble that this node itself has: what was asked before may go without an answer. */
  troubles = 0;

  constructor(name: string, directory: string, program: Program, host: Host | undefined, drift: number) {
    this.name = name;
    this.#home = join(directory, name);
    this.#program = program;
    this.#host = host;
    this.#clockFile = join(directory, `${name}.clock`);
    this.#drift = drift;
    preparePeer(this.#home, name, host?.address);
    this.jumpTo(0);
  }

  get isRunning(): boolean {
    return this.#daemon?.isRunning === true;
  }

  get stderr(): string {
    return this.#daemon?.stderr ?? '';
  }

  async start(): Promise<void> {
    const daemon = new DaemonProcess(this.#home, this.#program, {
      clock: { file: this.#clockFile, drift: this.#drift },
      ...(this.#host === undefined ? {} : { wrapper: this.#host.wrapper }),
    });
    this.#daemon = daemon;
    await daemon.ready();
  }

  client(): ControlClient {
    if (this.#daemon === undefined) throw new Error(`${this.name} was not started`);
    return this.#daemon.client();
  }

  async kill(): Promise<void> {
    this.troubles += 1;
    this.#daemon?.kill();
    await this.#daemon?.gone();
  }

  pause(): void {
    this.troubles += 1;
    if (this.#daemon?.isRunning === true) process.kill(this.#daemon.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.#daemon?.isRunning === true) process.kill(this.#daemon.pid, 'SIGCONT');
    this.troubles += 1;
  }

  /** Sets the wall clock so many ms ahead of true time. */
  jumpTo(aheadMs: number): void {
    writeFileSync(this.#clockFile, String(aheadMs));
  }
}
