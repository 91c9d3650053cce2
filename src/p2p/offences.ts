/**
 * What peers did that no sound node does. Points add up and fade; at the limit the peer is cut off for a while, each time for longer.
 * An honest member verifies before it forwards, so that whoever sends what is false is to blame for it.
 */
import type { NodeId } from '../base/ids.ts';

/** Points of each kind. One forgery is enough; two malformed messages may be a bug, five are none. */
const points = {
  /** A signature, a chain or a membership record that is wrong. */
  forged: 100,
  /** What cannot be decoded, or is over a limit. */
  malformed: 25,
  /** More than the rate limit allows. */
  flood: 10,
  /** A stream on which nothing comes. */
  stalled: 10,
} as const;
export type OffenceKind = keyof typeof points;

const limit = 100;
const fadePerSecond = 0.2;
const firstBanMs = 60_000;
const longestBanMs = 3_600_000;
/** Peers that are remembered; the oldest is forgotten. */
const maxPeers = 1000;

export interface Standing {
  readonly count: number;
  readonly last: string;
  readonly lastAtMs: number;
  /** Monotonic; 0 when it is not cut off. */
  readonly bannedUntilMs: number;
}

interface Entry {
  points: number;
  atMs: number;
  count: number;
  last: string;
  lastWallMs: number;
  bans: number;
  bannedUntilMs: number;
}

export interface OffenceClock {
  wallMs(): number;
  monotonicMs(): number;
}

export class Offences {
  readonly #clock: OffenceClock;
  readonly #onCutOff: (peer: NodeId, why: string) => void;
  readonly #entries = new Map<NodeId, Entry>();

  constructor(clock: OffenceClock, onCutOff: (peer: NodeId, why: string) => void) {
    this.#clock = clock;
    this.#onCutOff = onCutOff;
  }

  add(peer: NodeId, kind: OffenceKind, what: string): void {
    const nowMs = this.#clock.monotonicMs();
    const entry = this.#entry(peer, nowMs);
    entry.points = Math.max(0, entry.points - ((nowMs - entry.atMs) / 1000) * fadePerSecond) + points[kind];
    entry.atMs = nowMs;
    entry.count += 1;
    entry.last = `${kind}: ${what}`;
    entry.lastWallMs = this.#clock.wallMs();
    if (entry.points < limit || entry.bannedUntilMs > nowMs) return;
    entry.bannedUntilMs = nowMs + Math.min(longestBanMs, firstBanMs * 2 ** entry.bans);
    entry.bans += 1;
    entry.points = 0;
    this.#onCutOff(peer, entry.last);
  }

  isCutOff(peer: NodeId): boolean {
    return (this.#entries.get(peer)?.bannedUntilMs ?? 0) > this.#clock.monotonicMs();
  }

  of(peer: NodeId): Standing | undefined {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return undefined;
    const { count, last, lastWallMs, bannedUntilMs } = entry;
    return { count, last, lastAtMs: lastWallMs, bannedUntilMs: this.isCutOff(peer) ? bannedUntilMs : 0 };
  }

  peers(): readonly NodeId[] {
    return [...this.#entries.keys()];
  }

  #entry(peer: NodeId, nowMs: number): Entry {
    const known = this.#entries.get(peer);
    if (known !== undefined) return known;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= maxPeers && oldest !== undefined) this.#entries.delete(oldest);
    const entry = { points: 0, atMs: nowMs, count: 0, last: '', lastWallMs: 0, bans: 0, bannedUntilMs: 0 };
    this.#entries.set(peer, entry);
    return entry;
  }
}
