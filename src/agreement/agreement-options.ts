import assert from 'node:assert/strict';

/** Relative error of a monotonic clock that the protocol bears: computers stay within 0.01 %, so 1 % is far beyond. */
const clockDrift = 0.01;

/**
 * A duration that one clock measured, made so long that on any other clock it ends no sooner: the first may run fast by
 * `clockDrift`, the other slow.
 */
export function stretched(ms: number): number {
  return ms * ((1 + clockDrift) / (1 - clockDrift));
}

export interface AgreementOptions {
  /** What a claim gets when a majority cannot be reached: a marked `local` grant, or a denial. @default 'local' */
  readonly partition?: 'local' | 'refuse';
  /** How often members tell each other that they live, and leases are extended. @default 500 */
  readonly heartbeatMs?: number;
  /** Silence after which a member counts as out of reach: three heartbeats and a slow link. @default 2000 */
  readonly suspectMs?: number;
  /**
   * Silence after which a member counts as out of reach that has not been heard since this one started, or since a connection to
   * it was made: the first message takes seconds on a slow machine. @default 6000
   */
  readonly firstContactMs?: number;
  /** How often what was not answered is asked again. @default 400 */
  readonly resendMs?: number;
  /** A claim is answered so long after it was made, or at the end of a longer wait. @default 3000 */
  readonly claimTimeoutMs?: number;
  /**
   * How much later it is answered at the latest, while a majority that counts as within reach may still promise it or this node's disk
   * has not written: an answer that comes late is worth more than a grant that binds nobody. @default 4000
   */
  readonly answerGraceMs?: number;
  /**
   * How long a promise binds before its claim is granted, and so how long a claim whose node died is in the way. A grant
   * starts with this much and is extended to its ttl at once. @default 6000
   */
  readonly pendingMs?: number;
  /** How long a change of the view may take before another member tries to finish it. @default 1500 */
  readonly viewTimeoutMs?: number;
  /** The longest ttl of a claim. @default 3_600_000 */
  readonly maxTtlMs?: number;
  /** How much waiting one level of priority is worth, as in the lock table. @default 10_000 */
  readonly ageingMs?: number;
  /** Claims and leases that a member keeps of the whole cluster; they travel in one message when the view changes. @default 20_000 */
  readonly maxEntries?: number;
  /** Entries looked at in one search for a cycle of waits. @default 10_000 */
  readonly maxCycleSteps?: number;
  /** Wall clock and monotonic clock apart by more than this between two looks: the process was suspended, or the wall clock set. @default 500 */
  readonly jumpMs?: number;
}

export type AgreementConfig = Readonly<Required<AgreementOptions>>;

const defaults: AgreementConfig = Object.freeze({
  partition: 'local',
  heartbeatMs: 500,
  suspectMs: 2000,
  firstContactMs: 6000,
  resendMs: 400,
  claimTimeoutMs: 3000,
  answerGraceMs: 4000,
  pendingMs: 6000,
  viewTimeoutMs: 1500,
  maxTtlMs: 3_600_000,
  ageingMs: 10_000,
  maxEntries: 20_000,
  maxCycleSteps: 10_000,
  jumpMs: 500,
});

export function resolveAgreementOptions(options: AgreementOptions): AgreementConfig {
  const config = Object.freeze({ ...defaults, ...options });
  for (const [name, value] of Object.entries(config))
    assert(name === 'partition' || (Number.isFinite(value) && Number(value) > 0), `agreement option ${name}`);
  assert(
    config.pendingMs > config.claimTimeoutMs,
    'a promise outlives several attempts, of which each renews it',
  );
  assert(
    config.firstContactMs >= config.suspectMs,
    'a member that was never heard is waited for no less than one that was',
  );
  assert(config.suspectMs > config.heartbeatMs, 'a heartbeat comes before its absence is noticed');
  return config;
}
