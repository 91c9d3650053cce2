/** The main thread's end of the peers' thread: starts it, hands requests through, and starts it again when it dies. */
import type { Worker } from 'node:worker_threads';
import { CollabError, decodeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Answerers, beginThread, ThreadLink } from '../queue/thread-link.ts';
import type { MainAsks, PeerAsks, PeerStart } from './peer-contract.ts';

const restartPauseMs = 1000;
/** Old space of the thread: a node among 50 members takes a tenth. Over it the thread ends, and the daemon does not. */
const maxHeapMb = 256;
/** An orderly end takes a second; the daemon has five for everything. */
const closeLimitMs = 2500;

export interface PeerThreadParts {
  readonly url: string;
  readonly start: PeerStart;
  readonly answerers: Answerers<Omit<MainAsks, 'failed'>>;
  readonly logger: Logger;
  /** The leaves that a dead thread has not given back. */
  readonly onDeath: () => void;
}

export class PeerThread {
  readonly #parts: PeerThreadParts;
  #worker: Worker | undefined;
  #link: ThreadLink<PeerAsks, MainAsks> | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restarts = 0;
  #isClosed = false;

  constructor(parts: PeerThreadParts) {
    this.#parts = parts;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get isRunning(): boolean {
    return this.#link !== undefined;
  }

  start(): void {
    if (this.#worker !== undefined || this.#isClosed) return;
    const { url, start, answerers, logger } = this.#parts;
    const worker = beginThread(url, { workerData: start, name: 'peers', maxHeapMb });
    const link = new ThreadLink<PeerAsks, MainAsks>(worker, {
      ...answerers,
      failed: (error) => logger.warn('the peers thread met an error', { error: decodeError(error).message }),
    });
    this.#worker = worker;
    this.#link = link;
    worker.on('error', (error: unknown) => logger.error('the peers thread failed', { error: String(error) }));
    worker.once('exit', () => this.#onExit(link));
  }

  /** @throws what the operation threw; PEERS_UNAVAILABLE when the thread is not there. */
  ask<Name extends keyof PeerAsks & string>(
    name: Name,
    input: Parameters<PeerAsks[Name]>[0],
  ): Promise<Awaited<ReturnType<PeerAsks[Name]>>> {
    if (this.#link === undefined) throw unavailable();
    return this.#link.ask(name, input as never) as Promise<Awaited<ReturnType<PeerAsks[Name]>>>;
  }

  /** Nothing when the thread is not there. */
  tell<Name extends keyof PeerAsks & string>(name: Name, input: Parameters<PeerAsks[Name]>[0]): void {
    this.#link?.tell(name, input as never);
  }

  #onExit(link: ThreadLink<PeerAsks, MainAsks>): void {
    link.close(unavailable());
    this.#worker = undefined;
    this.#link = undefined;
    this.#parts.onDeath();
    if (this.#isClosed) return;
    this.#restarts += 1;
    this.#restart = setTimeout(() => this.start(), restartPauseMs);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), closeLimitMs);
    });
    await Promise.race([this.ask('close', undefined).catch(() => {}), limit]);
    clearTimeout(timer);
    // It holds no lock and writes no store: ended in the middle, it leaves nothing half done but what is atomic.
    await worker.terminate();
  }
}

function unavailable(): CollabError {
  return new CollabError('PEERS_UNAVAILABLE', 'the thread that talks to peers is not running', {
    next: 'Try again in a moment; agent-collab status says more.',
  });
}
