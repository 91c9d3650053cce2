import type { NodeId } from '../base/ids.ts';
import type { AgreementConfig } from './agreement-options.ts';

interface Seen {
  /** When it was heard last; later than it was, for one that is still waited for. */
  heardMs: number;
  /** Since it was last out of reach, in this life of the watching member. */
  wasHeard: boolean;
  boot: number;
  ready: boolean;
}

/** Who was heard of lately. A guess, as every failure detector is: it decides how soon an answer is given, never what is safe. */
export class MemberWatch {
  readonly #self: NodeId;
  readonly #suspectMs: number;
  readonly #firstContactMs: number;
  readonly #seen = new Map<NodeId, Seen>();

  constructor(self: NodeId, { suspectMs, firstContactMs }: AgreementConfig) {
    this.#self = self;
    this.#suspectMs = suspectMs;
    this.#firstContactMs = firstContactMs;
  }

  /**
   * Members count as heard from when they are first looked for: silence has to last before it means something, and for longer
   * than that of members that spoke before, as connections are being made.
   */
  expect(members: readonly NodeId[], nowMs: number): void {
    for (const member of members) if (!this.#seen.has(member)) this.met(member, nowMs);
  }

  /** A connection to the member was made, or can be made from now on. */
  met(member: NodeId, nowMs: number): void {
    const heardMs = nowMs + this.#firstContactMs - this.#suspectMs;
    const seen = this.#seen.get(member);
    if (seen === undefined) {
      this.#seen.set(member, { heardMs, wasHeard: false, boot: 0, ready: true });
      return;
    }
    if (!this.isReachable(member, nowMs)) seen.wasHeard = false;
    seen.heardMs = Math.max(seen.heardMs, heardMs);
  }

  /** This member did nothing for so long: what the others said meanwhile is still on its way to it. */
  wasAway(ms: number): void {
    for (const seen of this.#seen.values()) seen.heardMs += ms;
  }

  /** @returns `old` for a message of an earlier life of its sender, `new` for the first of a later one. */
  heard(from: NodeId, boot: number, nowMs: number): 'old' | 'same' | 'new' {
    const seen = this.#seen.get(from);
    if (seen === undefined) {
      this.#seen.set(from, { heardMs: nowMs, wasHeard: true, boot, ready: true });
      return 'new';
    }
    if (boot < seen.boot) return 'old';
    const isNew = boot > seen.boot;
    seen.heardMs = nowMs;
    seen.wasHeard = true;
    seen.boot = boot;
    return isNew ? 'new' : 'same';
  }

  setReady(from: NodeId, ready: boolean): void {
    const seen = this.#seen.get(from);
    if (seen !== undefined) seen.ready = ready;
  }

  bootOf(member: NodeId): number {
    return this.#seen.get(member)?.boot ?? 0;
  }

  isReachable(member: NodeId, nowMs: number): boolean {
    if (member === this.#self) return true;
    const seen = this.#seen.get(member);
    return seen !== undefined && nowMs - seen.heardMs < this.#suspectMs;
  }

  /** Reachable, and not only by hope. */
  isHeard(member: NodeId, nowMs: number): boolean {
    return (
      this.isReachable(member, nowMs) && (member === this.#self || this.#seen.get(member)?.wasHeard === true)
    );
  }

  /** Reachable, and said that it takes part in promises. */
  isUsable(member: NodeId, nowMs: number): boolean {
    return (
      this.isReachable(member, nowMs) && (member === this.#self || this.#seen.get(member)?.ready === true)
    );
  }
}
