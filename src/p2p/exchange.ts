/** Catch-up between this node and the others: when it is asked for, what is said at its beginning, and who is to blame when it fails. */
import type { Connection, Stream } from '@libp2p/interface';
import type { NodeId } from '../base/ids.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import { ask, give } from './catch-up.ts';
import { readAddresses } from './cluster-file.ts';
import type { ClusterStore } from './cluster-store.ts';
import { Floors } from './floors.ts';
import type { Hello, ToldPlace } from './hello.ts';
import { maxHelloBytes, maxStreamMessageBytes, streamsBurst, streamsPerSecond } from './limits.ts';
import type { LogAccess } from './log-access.ts';
import { readWindow, type SignOwn } from './log-window.ts';
import type { MemberRecord } from './membership.ts';
import { MessageStream, ProtocolFault } from './message-stream.ts';
import type { Offences } from './offences.ts';
import { Puller } from './puller.ts';
import { RateGate } from './rate-gate.ts';
import type { Replica } from './replica.ts';
import type { Run } from './run.ts';

/** Of one member about one source: what it does not show in so many attempts it has invented, and a fork is told once. */
const mostDoubts = 3;

export interface ExchangeParts {
  readonly signer: SignOwn;
  readonly version: string;
  readonly store: ClusterStore;
  readonly replica: Replica;
  readonly log: LogAccess;
  readonly offences: Offences;
  readonly clock: { wallMs(): number; monotonicMs(): number };
  readonly doorAddresses: () => readonly string[];
  readonly skip: (floor: { source: NodeId; seq: number; hash: Uint8Array }) => Promise<void>;
  readonly onRecords: (records: readonly MemberRecord[]) => void;
  /** Where another member is said to be. */
  readonly onPlace: (node: NodeId, place: ToldPlace) => void;
  readonly connectionTo: (node: NodeId) => Connection | undefined;
  readonly connected: () => readonly NodeId[];
  readonly addresses: () => readonly string[];
  readonly announceSoon: () => void;
}

export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #puller: Puller;
  readonly #floors: Floors;
  readonly #vectors = new Map<NodeId, VersionVector>();
  /** By whom to ask: sources that it contradicts. */
  readonly #doubted = new Map<NodeId, Set<NodeId>>();
  /** How often, by source and member. */
  readonly #asked = new Map<string, number>();
  readonly #streamGates = new Map<NodeId, RateGate>();
  /** What the peer has been told of where the others are. */
  readonly #toldPlaces = new Map<NodeId, string>();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#puller = new Puller((node, onProgress) => this.#pull(node, onProgress));
    const { replica, connected, skip } = parts;
    this.#floors = new Floors({ replica, connected, skip });
  }

  /** Asks the member for what this node lacks, soon. */
  want(node: NodeId): void {
    this.#puller.want(node);
  }

  /** The member has another newest delta of the source than this node: asks for that one, which is the evidence of a fork. */
  doubt(source: NodeId, of: NodeId): void {
    const pair = `${source} ${of}`;
    const asked = this.#asked.get(pair) ?? 0;
    if (asked === mostDoubts) return;
    this.#asked.set(pair, asked + 1);
    const doubted = this.#doubted.get(of) ?? new Set<NodeId>();
    this.#doubted.set(of, doubted.add(source));
    this.want(of);
  }

  heard(node: NodeId, vector: VersionVector): void {
    this.#vectors.set(node, vector);
  }

  vectorOf(node: NodeId): VersionVector | undefined {
    return this.#vectors.get(node);
  }

  /** It is not connected any more. */
  left(node: NodeId): void {
    this.#toldPlaces.delete(node);
  }

  forget(node: NodeId): void {
    this.#vectors.delete(node);
    this.#doubted.delete(node);
  }

  close(): void {
    this.#puller.close();
  }

  /** Runs `work` for a peer that has opened a stream. Never throws: what goes wrong with one peer is that peer's matter. */
  async serve(from: NodeId, messages: MessageStream, work: () => Promise<void>): Promise<void> {
    const { clock, store, offences } = this.#parts;
    try {
      const nowMs = clock.monotonicMs();
      const gate = this.#streamGates.get(from) ?? new RateGate(streamsPerSecond, streamsBurst, nowMs);
      this.#streamGates.set(from, gate);
      if (!store.membership.isMember(from)) throw new Error('no member');
      if (!gate.take(1, nowMs)) {
        offences.add(from, 'flood', 'more streams than a second may have');
        throw new Error('too many streams');
      }
      await work();
      await messages.close();
    } catch (error) {
      messages.abort('refused');
      this.#blame(from, error);
    }
  }

  async give(from: NodeId, messages: MessageStream): Promise<void> {
    const { store, log, signer } = this.#parts;
    await give(messages, {
      cluster: store.document.cluster,
      greet: async (theirs) => {
        this.#learn(from, theirs, 'asker');
        return this.#hello(from, theirs);
      },
      window: (vector) => log.read((reader) => readWindow(reader, vector, signer)),
    });
  }

  async #pull(node: NodeId, onProgress: (bytes: number) => void): Promise<void> {
    const { store, replica, connectionTo, connected, announceSoon } = this.#parts;
    const connection = connectionTo(node);
    if (connection === undefined || !store.membership.isMember(node)) return;
    const stream = await openStream(connection, catchUpProtocol(store.document.cluster));
    const messages = new MessageStream(stream, Math.max(maxStreamMessageBytes, maxHelloBytes));
    const round = this.#floors.begin(node);
    const before = replica.vector();
    try {
      await ask(messages, {
        cluster: store.document.cluster,
        greet: { ...this.#hello(node), vector: this.#wantedFrom(node) },
        onHello: async (theirs) => this.#learn(node, theirs, 'giver'),
        take: (run) => {
          onProgress(run.bodies.reduce((sum, body) => sum + body.length, 0));
          this.#take(run);
        },
        onFloor: (floor) => round.offer(floor),
        settle: async () => {
          await replica.settled();
          await round.settle();
        },
      });
      round.end();
      await messages.close();
    } catch (error) {
      messages.abort('catch-up failed');
      this.#blame(node, error);
      if (!round.isWaiting) throw error;
      // Others may have what this one has dropped.
      round.end();
      for (const other of connected()) if (other !== node) this.want(other);
      this.want(node);
    }
    if (isAhead(replica.vector(), before)) announceSoon();
  }

  /** What this node has, but for the newest deltas that the other one contradicts. */
  #wantedFrom(node: NodeId): VersionVector {
    const vector: Record<NodeId, number> = { ...this.#parts.replica.vector() };
    for (const source of this.#doubted.get(node) ?? []) vector[source] = seqOf(vector, source) - 1;
    this.#doubted.delete(node);
    return vector;
  }

  #take(run: Run): void {
    const outcome = this.#parts.replica.offer(run);
    if (outcome === 'invalid')
      throw new ProtocolFault('forged', `a run of ${run.source} that it has not signed`);
    if (outcome === 'stranger')
      throw new ProtocolFault('forged', `a run of ${run.source}, who never was a member`);
  }

  #blame(peer: NodeId, error: unknown): void {
    if (error instanceof ProtocolFault) this.#parts.offences.add(peer, error.kind, error.message);
  }

  #hello(to: NodeId, theirs?: Hello): Hello {
    const { store, replica, version, addresses, doorAddresses } = this.#parts;
    const { digest } = store.membership;
    return {
      vector: replica.vector(),
      digest,
      // The asker does not know yet whether the other one lacks any.
      records: theirs === undefined || theirs.digest === digest ? [] : store.membership.records(),
      version,
      main: readAddresses([...addresses()]),
      door: readAddresses([...doorAddresses()]),
      places: this.#placesFor(to),
    };
  }

  /** Nothing, when it has been told all of it on this connection. */
  #placesFor(to: NodeId): Record<NodeId, ToldPlace> {
    const { store, signer } = this.#parts;
    const places: Record<NodeId, ToldPlace> = {};
    for (const { node, gone } of store.membership.all()) {
      const place = store.place(node);
      if (gone !== undefined || node === to || node === signer.own || place === undefined) continue;
      places[node] = { main: place.main, door: place.door };
    }
    const text = JSON.stringify(places);
    if (this.#toldPlaces.get(to) === text) return {};
    this.#toldPlaces.set(to, text);
    return places;
  }

  #learn(node: NodeId, theirs: Hello, as: 'asker' | 'giver'): void {
    const { store, clock, onRecords, onPlace, replica } = this.#parts;
    this.heard(node, theirs.vector);
    store.seen(node, {
      version: theirs.version,
      lastSeenMs: clock.wallMs(),
      ...(theirs.main.length > 0 ? { main: theirs.main } : {}),
      ...(theirs.door.length > 0 ? { door: theirs.door } : {}),
    });
    if (theirs.records.length > 0) onRecords(theirs.records);
    for (const [other, place] of Object.entries(theirs.places)) onPlace(other as NodeId, place);
    // An asker tells no records: ask it in turn.
    const lacks = theirs.digest !== store.membership.digest || isAhead(theirs.vector, replica.vector());
    if (as === 'asker' && lacks) this.want(node);
  }
}

export function isAhead(vector: VersionVector, of: VersionVector): boolean {
  return Object.keys(vector).some((source) => seqOf(vector, source as NodeId) > seqOf(of, source as NodeId));
}

/** @throws when there is no connection, or the other side does not speak the protocol. */
export async function openStream(connection: Connection | undefined, protocol: string): Promise<Stream> {
  if (connection === undefined) throw new Error('not connected');
  return connection.newStream(protocol, { signal: AbortSignal.timeout(5000), runOnLimitedConnection: true });
}

export function catchUpProtocol(cluster: string): string {
  return `/agent-collab/${cluster}/catch-up/1`;
}
