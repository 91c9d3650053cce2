/**
 * For members that cannot be dialled: places at others that can, through which they are reached (circuit relay v2). libp2p's own search for
 * relays walks the DHT until it has found enough, without a pause, which in a cluster of two means for ever; so the members that this node
 * is connected to are asked one by one.
 */
import type { Connection, PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { NodeId } from '../base/ids.ts';
import { circuitOf, type MainNet, nodeIdOf, peerIdOf } from './net.ts';

/** One may go away, or be out of reach of some members. */
const enoughPlaces = 3;
/** Others that are asked at a time for one that cannot be dialled. */
const relaysTried = 3;
/** After a place was not given, or not in time. */
const pauseMs = 2000;

export interface RelaysParts {
  readonly net: MainNet;
  /** Whether this node wants places at all. */
  readonly behindNat: boolean;
  readonly isAllowed: (node: NodeId) => boolean;
  readonly nowMs: () => number;
}

export class Relays {
  readonly #parts: RelaysParts;
  readonly #dueMs = new Map<NodeId, number>();
  /** Listened at once; after that, a new place there is heard of by the same listener. */
  readonly #listening = new Set<NodeId>();
  #turn = 0;

  constructor(parts: RelaysParts) {
    this.#parts = parts;
  }

  /** Takes places at members, as far as any are wanting. To be called now and then. */
  tick(): void {
    const { net, behindNat, nowMs } = this.#parts;
    if (!behindNat) return;
    const places = circuitOf(net).reservationStore;
    for (const { node, id } of this.#direct()) {
      if (places.reservationCount() >= enoughPlaces) return;
      if (places.hasReservation(id) || (this.#dueMs.get(node) ?? 0) > nowMs()) continue;
      this.#dueMs.set(node, nowMs() + pauseMs);
      void this.#take(node, id).then(
        () => this.#dueMs.delete(node),
        // It is full, or not there yet, or went away: another time, which libp2p would not give it.
        () => places.relayFilter.remove(id.toMultihash().bytes),
      );
    }
  }

  async #take(node: NodeId, id: PeerId): Promise<void> {
    const circuit = circuitOf(this.#parts.net);
    if (this.#listening.has(node)) {
      await circuit.reservationStore.addRelay(id, 'configured');
      return;
    }
    this.#listening.add(node);
    await circuit.listen([multiaddr(`/p2p/${node}/p2p-circuit`)]).catch((error) => {
      this.#listening.delete(node);
      throw error;
    });
  }

  /** Ways to `node` through members that this node is connected to: a few, and others the next time. */
  waysTo(node: NodeId): readonly Multiaddr[] {
    const direct = this.#direct().filter((relay) => relay.node !== node);
    this.#turn += 1;
    return direct
      .map((_, at) => direct[(at + this.#turn * relaysTried) % direct.length])
      .filter((relay) => relay !== undefined)
      .slice(0, relaysTried)
      .map((relay) => multiaddr(`/p2p/${relay.node}/p2p-circuit/p2p/${node}`));
  }

  /** Members at the other end of a line without a relay in it. */
  #direct(): readonly { readonly node: NodeId; readonly id: PeerId }[] {
    const { net, isAllowed } = this.#parts;
    const isDirect = ({ status, direct }: Connection) => status === 'open' && direct;
    const nodes = new Set(
      net
        .getConnections()
        .filter(isDirect)
        .map(({ remotePeer }) => nodeIdOf(remotePeer)),
    );
    return [...nodes].filter(isAllowed).map((node) => ({ node, id: peerIdOf(node) }));
  }
}
