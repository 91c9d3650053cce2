import assert from 'node:assert/strict';

export interface LockOptions {
  /** @default 120_000: long enough between two steps of an agent, short enough to wait out a dead one. */
  readonly defaultTtlMs?: number;
  /** @default 3_600_000: whoever works for longer shows activity, which renews. */
  readonly maxTtlMs?: number;
  /** Claims an agent may make in the long run. @default 50 */
  readonly ratePerSecond?: number;
  /** Claims an agent may make at once after a pause. @default 200 */
  readonly rateBurst?: number;
  /** How much waiting one level of priority is worth. @default 10_000 */
  readonly ageingMs?: number;
  /** Targets held at once; a lock of three files counts three. About 1 KB each. @default 200_000 */
  readonly maxLocks?: number;
  /** Targets waited for at once. Bounds what a single release may have to look at. @default 10_000 */
  readonly maxWaiters?: number;
  /** Ended locks that `check` can still explain; older ones are unknown. @default 10_000 */
  readonly endedKept?: number;
  /** Notices kept for an agent that does not come back; older ones are dropped and counted. @default 100 */
  readonly noticesPerAgent?: number;
  /** How long notices are kept for an agent that does not come back. @default 86_400_000 */
  readonly noticeKeptMs?: number;
  /**
   * Entries looked at in one search for a wait-for cycle; beyond them the wait is refused, because one that was
   * not searched could hang. @default 100_000, about 5 ms
   */
  readonly maxCycleSteps?: number;
}

export type LockConfig = Readonly<Required<LockOptions>>;

const defaults: LockConfig = Object.freeze({
  defaultTtlMs: 120_000,
  maxTtlMs: 3_600_000,
  ratePerSecond: 50,
  rateBurst: 200,
  ageingMs: 10_000,
  maxLocks: 200_000,
  maxWaiters: 10_000,
  endedKept: 10_000,
  noticesPerAgent: 100,
  noticeKeptMs: 86_400_000,
  maxCycleSteps: 100_000,
});

/** All options are finite and above 0, but `ageingMs`, which may be 0: priorities then decide nothing. */
export function resolveLockOptions(options: LockOptions): LockConfig {
  const config = Object.freeze({ ...defaults, ...options });
  for (const [name, value] of Object.entries(config)) {
    assert(
      Number.isFinite(value) && (value > 0 || (name === 'ageingMs' && value === 0)),
      `lock option ${name}`,
    );
  }
  assert(config.rateBurst >= 1, 'a bucket smaller than one claim admits none');
  assert(Number.isInteger(config.endedKept), 'endedKept is a count');
  assert(config.defaultTtlMs <= config.maxTtlMs, 'the default ttl is over the longest');
  return config;
}
