/** Keeps members connected: dials those that are not, straight and through others, less and less often. */
import type { NodeId } from '../base/ids.ts';
import type { ClusterStore } from './cluster-store.ts';
import type { ToldPlace } from './hello.ts';
import { type MainNet, peerIdOf, tryAddress } from './net.ts';
import type { Relays } from './relays.ts';

const tickMs = 500;
const firstPauseMs = 500;
/** A heal shows within this time even when the partition was long. */
const longestPauseMs = 5000;
const dialMs = 4000;
/** After so many rounds without anybody, the key may be an old one. */
const aloneAfterMs = 5000;
const aloneAgainMs = 15_000;

export interface RedialParts {
  readonly net: MainNet;
  readonly store: ClusterStore;
  readonly relays: Relays;
  readonly own: NodeId;
  readonly isAllowed: (node: NodeId) => boolean;
  readonly nowMs: () => number;
  readonly onAlone: () => void;
  /** The member answers, and not in the key that this node has. */
  readonly onOtherKey: (node: NodeId) => void;
}

export class Redial {
  readonly #parts: RedialParts;
  readonly #due = new Map<NodeId, { atMs: number; pauseMs: number }>();
  readonly #dialing = new Set<NodeId>();
  #timer: NodeJS.Timeout | undefined;
  #aloneSinceMs: number;

  constructor(parts: RedialParts) {
    this.#parts = parts;
    this.#aloneSinceMs = parts.nowMs();
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#tick();
  }

  reached(node: NodeId): void {
    this.#due.delete(node);
  }

  /** What another member says of where it is: tried beside what it said itself, and kept only when it has said nothing yet. */
  heardOf(node: NodeId, { main, door }: ToldPlace): void {
    const { net, store, own, isAllowed } = this.#parts;
    const known = store.place(node)?.main ?? [];
    if (node === own || !isAllowed(node) || main.every((text) => known.includes(text))) return;
    if (known.length === 0) store.seen(node, { main, door });
    const multiaddrs = main.map((text) => tryAddress(text, node)).filter((it) => it !== undefined);
    // A book that cannot be written leaves the DHT.
    void net.peerStore.merge(peerIdOf(node), { multiaddrs }).catch(() => {});
    this.#due.delete(node);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { net, store, relays, own, isAllowed, nowMs, onAlone } = this.#parts;
    relays.tick();
    const now = nowMs();
    const connected = new Set(net.getPeers().map(String));
    const others = store.membership.all().filter(({ node }) => node !== own && isAllowed(node));
    if (connected.size > 0 || others.length === 0) this.#aloneSinceMs = now;
    if (now - this.#aloneSinceMs > aloneAfterMs) {
      this.#aloneSinceMs = now + aloneAgainMs - aloneAfterMs;
      onAlone();
    }
    for (const { node } of others) {
      const due = this.#due.get(node) ?? { atMs: now, pauseMs: firstPauseMs };
      if (connected.has(node) || this.#dialing.has(node) || due.atMs > now) continue;
      this.#due.set(node, { atMs: now + due.pauseMs, pauseMs: Math.min(longestPauseMs, due.pauseMs * 2) });
      this.#dialing.add(node);
      void this.#dial(node).finally(() => this.#dialing.delete(node));
    }
  }

  async #dial(node: NodeId): Promise<void> {
    const { net, store, relays, onOtherKey } = this.#parts;
    const known = (store.place(node)?.main ?? [])
      .map((text) => tryAddress(text, node))
      .filter((it) => it !== undefined);
    try {
      // Together with what mDNS, the DHT and identify have found out.
      if (known.length > 0) await net.peerStore.merge(peerIdOf(node), { multiaddrs: known });
      await net.dial(peerIdOf(node), { signal: AbortSignal.timeout(dialMs) });
      return;
    } catch (error) {
      if (isOfOtherKey(error)) onOtherKey(node);
    }
    const ways = relays.waysTo(node);
    if (ways.length === 0) return;
    // It is away, when this fails too: the next time is planned.
    await net.dial([...ways], { signal: AbortSignal.timeout(dialMs) }).catch(() => {});
  }
}

/** There is somebody, and what it says cannot be read: a private network tells a wrong key in no other way, nor each time. */
function isOfOtherKey(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isOfOtherKey);
  return error instanceof Error && error.name === 'EncryptionFailedError';
}
