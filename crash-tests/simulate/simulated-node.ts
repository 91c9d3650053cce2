import type { Agreement } from '../../src/agreement/agreement.ts';
import type { DurableState } from '../../src/agreement/durable-state.ts';
import type { Instant } from '../../src/agreement/lease-clock.ts';
import type { NodeId } from '../../src/base/ids.ts';

/** Wall clocks of all nodes agree with true time until they are set. */
const wallEpochMs = Date.UTC(2026, 0, 1);

/** A machine with its clocks and its disk, and the process on it while it runs. All times given are true time. */
export class SimulatedNode {
  readonly index: number;
  readonly id: NodeId;
  /** Monotonic ms in a true ms, while the machine is awake. */
  readonly rate: number;
  readonly joining: boolean;
  disk: DurableState | undefined = undefined;
  /** The process; undefined while it is down. */
  agreement: Agreement | undefined = undefined;
  /** Counts the processes. */
  life = 0;
  /** Until when the process does nothing, be it stopped or the machine asleep. */
  stoppedUntilMs = 0;
  /** What arrives meanwhile waits in the sockets. */
  readonly backlog: (() => void)[] = [];
  /** Added to each message that it handles. */
  slowMs = 0;
  diskMs = 0;
  diskFreeMs = 0;
  /** When the next tick is planned. */
  tickMs = Number.POSITIVE_INFINITY;
  /** Gone for good: left, evicted, or its disk lost. */
  isGone = false;
  /** Its clocks were moved apart at some time. */
  wasJumpy = false;
  /** Time in which the process did nothing. */
  #idleMs = 0;
  #sleptMs = 0;
  #asleepSinceMs: number | undefined = undefined;
  #wallOffsetMs = 0;

  constructor(index: number, rate: number, joining: boolean) {
    this.index = index;
    this.id = `node-${String(index).padStart(2, '0')}` as NodeId;
    this.rate = rate;
    this.joining = joining;
  }

  now(trueMs: number): Instant {
    const awakeMs = (this.#asleepSinceMs ?? trueMs) - this.#sleptMs;
    // A wall clock shows whole milliseconds, as `Date.now` does.
    const wallMs = Math.floor(wallEpochMs + trueMs + this.#wallOffsetMs);
    return { monotonicMs: 1000 + awakeMs * this.rate, wallMs };
  }

  /** When the monotonic clock will show a time, if the machine stays awake. */
  trueTimeOf(monotonicMs: number, trueMs: number): number {
    return trueMs + Math.max(0, (monotonicMs - this.now(trueMs).monotonicMs) / this.rate) + 1e-6;
  }

  isStopped(trueMs: number): boolean {
    return trueMs < this.stoppedUntilMs;
  }

  stop(trueMs: number, forMs: number, asleep: boolean): void {
    this.stoppedUntilMs = trueMs + forMs;
    this.#idleMs += forMs;
    if (!asleep) return;
    this.#asleepSinceMs = trueMs;
    this.wasJumpy = true;
  }

  wake(trueMs: number): void {
    if (this.#asleepSinceMs !== undefined) this.#sleptMs += trueMs - this.#asleepSinceMs;
    this.#asleepSinceMs = undefined;
  }

  setWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
    this.wasJumpy = true;
  }

  /** How long the process could have worked until now. */
  busyMs(trueMs: number): number {
    return trueMs - this.#idleMs;
  }
}
