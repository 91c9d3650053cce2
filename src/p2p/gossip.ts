/**
 * What is told to everybody at once. Three kinds of messages, each checked before it is forwarded:
 *
 * - deltas, `1 run`: own deltas as soon as they are flushed. Forwarded once the source's signature is verified, to whom it has not told
 *   itself (told-run.ts).
 * - deltas, `2 announcement` (JSON): the vector of whoever sends it, the heads that it stands for and the membership digest, every few seconds
 *   and after a catch-up. For the neighbours alone: they ask for what they lack or have otherwise, and announce in turn.
 * - members (JSON): new membership records. Forwarded once their signatures are verified.
 */
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { NodeId } from '../base/ids.ts';
import { randomHex } from '../base/random.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { readVector } from './hello.ts';
import {
  gossipBurst,
  gossipBytesBurst,
  gossipBytesPerSecond,
  gossipPerSecond,
  maxMemberRecords,
} from './limits.ts';
import { type MemberRecord, readRecord } from './membership.ts';
import { type MainNet, nodeIdOf, topicsOf } from './net.ts';
import type { OffenceKind } from './offences.ts';
import { RateGate } from './rate-gate.ts';
import type { Run } from './run.ts';
import { decodeToldRun, encodeToldRun, runTag, type ToldMembers } from './told-run.ts';

const tag = { run: runTag, announcement: 2 } as const;

const onceBytes = 9;

const verdicts = {
  forward: TopicValidatorResult.Accept,
  keep: TopicValidatorResult.Ignore,
  false: TopicValidatorResult.Reject,
} as const;

export interface Announcement {
  readonly vector: VersionVector;
  /** Of some of its sources, as `Replica.heads` gives them. */
  readonly heads: Readonly<Record<NodeId, string>>;
  /** Of the membership. */
  readonly digest: string;
}

export interface GossipParts {
  readonly cluster: string;
  readonly nowMs: () => number;
  readonly onRun: (from: NodeId, run: Run) => 'forward' | 'keep' | 'false';
  readonly onAnnouncement: (from: NodeId, announcement: Announcement) => void;
  readonly onRecords: (from: NodeId, records: readonly MemberRecord[]) => void;
  readonly onOffence: (from: NodeId, kind: OffenceKind, what: string) => void;
}

/** Messages that peers have told since the network was opened. */
export interface GossipCounts {
  /** Runs of deltas, each counted once. */
  readonly runs: number;
  /** What had been heard before: dropped, and paid for. */
  readonly repeated: number;
}

interface GossipMessage {
  readonly data?: Uint8Array;
}

/** What gossipsub keeps for itself. Where a version has it not, or otherwise, more is told than needs be. */
interface Router {
  handleReceivedRpc?: (
    from: { toString(): string },
    rpc: { messages?: readonly GossipMessage[] },
  ) => Promise<void>;
  forwardMessage?: (
    id: string,
    message: GossipMessage,
    from?: string,
    excludePeers?: Pick<ReadonlySet<string>, 'has'>,
  ) => void;
  selectPeersToPublish?: (topic: string) => { readonly tosend: ReadonlySet<string> };
  readonly streamsOutbound?: ReadonlyMap<string, unknown>;
}

interface Gates {
  readonly messages: RateGate;
  readonly bytes: RateGate;
}

export class Gossip {
  readonly #net: MainNet;
  readonly #parts: GossipParts;
  readonly #gates = new Map<NodeId, Gates>();
  readonly #deltas: string;
  readonly #members: string;
  /** By the bytes of a message: who has been told by its author. */
  readonly #toldByAuthor = new WeakMap<Uint8Array, ToldMembers>();
  #told = 0;
  #heard = 0;
  #runs = 0;

  constructor(net: MainNet, parts: GossipParts) {
    this.#net = net;
    this.#parts = parts;
    [this.#deltas, this.#members] = topicsOf(parts.cluster);
    const { pubsub } = net.services;
    pubsub.topicValidators.set(this.#deltas, (from, { data }) =>
      this.#guarded(nodeIdOf(from), data, 'deltas'),
    );
    pubsub.topicValidators.set(this.#members, (from, { data }) =>
      this.#guarded(nodeIdOf(from), data, 'members'),
    );
    pubsub.subscribe(this.#deltas);
    pubsub.subscribe(this.#members);
    this.#limitRpcs();
    this.#passOnToOthers();
  }

  get #router(): Router {
    return this.#net.services.pubsub as unknown as Router;
  }

  get counts(): GossipCounts {
    return { runs: this.#runs, repeated: this.#told - this.#heard };
  }

  async tellRun(run: Run): Promise<void> {
    await this.#publish(
      this.#deltas,
      Buffer.concat([Buffer.of(tag.run), encodeToldRun(run, this.#listeners())]),
    );
  }

  /** Whom a message of this node goes to now. */
  #listeners(): readonly NodeId[] {
    const { selectPeersToPublish, streamsOutbound } = this.#router;
    const chosen = selectPeersToPublish?.call(this.#router, this.#deltas).tosend ?? [];
    return [...chosen].filter((peer) => streamsOutbound?.has(peer) === true) as NodeId[];
  }

  async announce(announcement: Announcement): Promise<void> {
    // Gossipsub tells equal bytes once in two minutes, whoever has said them; an announcement that repeats is what mends a lost message.
    const text = JSON.stringify({ ...announcement, once: randomHex(onceBytes) });
    await this.#publish(this.#deltas, Buffer.concat([Buffer.of(tag.announcement), Buffer.from(text)]));
  }

  async tellRecords(records: readonly MemberRecord[]): Promise<void> {
    await this.#publish(this.#members, Buffer.from(JSON.stringify(records)));
  }

  async #publish(topic: string, data: Uint8Array): Promise<void> {
    try {
      await this.#net.services.pubsub.publish(topic, data);
    } catch {
      // Nobody listens, or a queue is full: catch-up brings what was not told.
    }
  }

  /**
   * Every RPC of a peer is counted here, before anything is looked at: what gossipsub drops as a duplicate has cost its time as well,
   * and the validators never see it.
   */
  #limitRpcs(): void {
    const router = this.#router;
    const original = router.handleReceivedRpc?.bind(router);
    if (original === undefined) return;
    router.handleReceivedRpc = async (from, rpc) => {
      const peer = from.toString() as NodeId;
      const messages = rpc.messages ?? [];
      const bytes = messages.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
      if (!this.#admits(peer, Math.max(1, messages.length), bytes)) return;
      this.#told += messages.length;
      await original(from, rpc);
    };
  }

  #passOnToOthers(): void {
    const router = this.#router;
    const original = router.forwardMessage?.bind(router);
    if (original === undefined) return;
    router.forwardMessage = (id, message, from, excludePeers) => {
      const told = message.data === undefined ? undefined : this.#toldByAuthor.get(message.data);
      if (told === undefined) return original(id, message, from, excludePeers);
      original(id, message, from, {
        has: (peer) => excludePeers?.has(peer) === true || told.has(peer as NodeId),
      });
    };
  }

  #admits(peer: NodeId, messages: number, bytes: number): boolean {
    const nowMs = this.#parts.nowMs();
    let gates = this.#gates.get(peer);
    if (gates === undefined) {
      gates = {
        messages: new RateGate(gossipPerSecond, gossipBurst, nowMs),
        bytes: new RateGate(gossipBytesPerSecond, gossipBytesBurst, nowMs),
      };
      this.#gates.set(peer, gates);
    }
    if (gates.messages.take(messages, nowMs) && gates.bytes.take(bytes, nowMs)) return true;
    this.#parts.onOffence(peer, 'flood', 'more gossip than a second may have');
    return false;
  }

  #guarded(from: NodeId, data: Uint8Array, topic: 'deltas' | 'members'): TopicValidatorResult {
    this.#heard += 1;
    try {
      return topic === 'deltas' ? this.#onDeltas(from, data) : this.#onMembers(from, data);
    } catch {
      // Nothing that a peer sends may end this thread.
      return this.#reject(from, 'malformed', 'a message that could not be read');
    }
  }

  #onDeltas(from: NodeId, data: Uint8Array): TopicValidatorResult {
    if (data[0] === tag.announcement) return this.#onAnnouncement(from, data.subarray(1));
    const heard = data[0] === tag.run ? decodeToldRun(data.subarray(1)) : undefined;
    if (heard === undefined) return this.#reject(from, 'malformed', 'a run');
    const { run, told } = heard;
    this.#runs += 1;
    if (from === run.source) this.#toldByAuthor.set(data, told);
    return verdicts[this.#parts.onRun(from, run)];
  }

  #onAnnouncement(from: NodeId, data: Uint8Array): TopicValidatorResult {
    const told = JSON.parse(Buffer.from(data).toString('utf8')) as Readonly<Record<string, unknown>>;
    const { digest, heads = {} } = told;
    const vector = readVector(told.vector);
    if (vector === undefined || typeof digest !== 'string' || typeof heads !== 'object' || heads === null)
      return this.#reject(from, 'malformed', 'an announcement');
    this.#parts.onAnnouncement(from, { vector, digest, heads: heads as Announcement['heads'] });
    return TopicValidatorResult.Ignore;
  }

  #onMembers(from: NodeId, data: Uint8Array): TopicValidatorResult {
    const listed: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    if (!Array.isArray(listed) || listed.length > maxMemberRecords)
      return this.#reject(from, 'malformed', 'records');
    const records = listed.map((record) => readRecord(record, this.#parts.cluster));
    if (records.includes(undefined)) return this.#reject(from, 'forged', 'a membership record');
    this.#parts.onRecords(from, records as MemberRecord[]);
    return TopicValidatorResult.Accept;
  }

  #reject(from: NodeId, kind: OffenceKind, what: string): TopicValidatorResult {
    this.#parts.onOffence(from, kind, what);
    return TopicValidatorResult.Reject;
  }
}
