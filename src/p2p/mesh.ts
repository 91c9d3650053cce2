/** A node among its peers: the network of the cluster while it is open, and what is said on it. */
import type { Connection, PeerId } from '@libp2p/interface';
import type { NodeId } from '../base/ids.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import type { ClusterStore } from './cluster-store.ts';
import { Direct } from './direct.ts';
import { catchUpProtocol, Exchange, isAhead, openStream } from './exchange.ts';
import { type Announcement, Gossip, type GossipCounts } from './gossip.ts';
import { catchUpIntervalMs } from './limits.ts';
import type { LogAccess } from './log-access.ts';
import type { SignOwn } from './log-window.ts';
import type { MemberRecord } from './membership.ts';
import { MessageStream } from './message-stream.ts';
import { type MainNet, nodeIdOf, openMainNet, peerIdOf } from './net.ts';
import type { Offences } from './offences.ts';
import type { OwnDeltas } from './own-deltas.ts';
import type { PeerSettings } from './peer-contract.ts';
import { Publisher } from './publisher.ts';
import { Redial } from './redial.ts';
import { Relays } from './relays.ts';
import type { Replica } from './replica.ts';
import type { Run } from './run.ts';

/** Announcements are small: a lost message of gossip shows within this time. */
const announceIntervalMs = 5000;
const announceDelayMs = 50;

export interface MeshParts {
  readonly seed: Uint8Array;
  readonly signer: SignOwn;
  readonly version: string;
  readonly settings: PeerSettings;
  readonly store: ClusterStore;
  readonly replica: Replica;
  readonly log: LogAccess;
  readonly offences: Offences;
  readonly clock: { wallMs(): number; monotonicMs(): number };
  /** Of this node's door. */
  readonly doorAddresses: () => readonly string[];
  readonly skip: (floor: { source: NodeId; seq: number; hash: Uint8Array }) => Promise<void>;
  readonly onRecords: (records: readonly MemberRecord[]) => void;
  readonly onKey: (value: unknown) => Promise<boolean>;
  readonly onMessage: (from: NodeId, bytes: Uint8Array) => void;
  /** A connection to these members was made; or, of all members, can be made from now on. */
  readonly onMet: (nodes: readonly NodeId[]) => void;
  readonly onTrouble: (what: string, error: unknown) => void;
  /** No member can be reached: perhaps the key has changed. */
  readonly onAlone: () => void;
  /** A member answers, and not in the key that this node has. */
  readonly onOtherKey: (node: NodeId) => void;
}

export class Mesh {
  readonly #net: MainNet;
  readonly #parts: MeshParts;
  readonly #gossip: Gossip;
  readonly #publisher: Publisher;
  readonly #exchange: Exchange;
  readonly #redial: Redial;
  readonly #direct: Direct;
  readonly #timers: NodeJS.Timeout[] = [];
  #announcing: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(net: MainNet, parts: MeshParts) {
    this.#net = net;
    this.#parts = parts;
    const { store, replica, log, signer, clock } = parts;
    this.#gossip = new Gossip(net, {
      cluster: store.document.cluster,
      nowMs: () => clock.monotonicMs(),
      onRun: (from, run) => this.#onRun(from, run),
      onAnnouncement: (from, announcement) => this.#onAnnouncement(from, announcement),
      onRecords: (_from, records) => parts.onRecords(records),
      onOffence: (from, kind, what) => parts.offences.add(from, kind, what),
    });
    this.#publisher = new Publisher(
      {
        log,
        signer,
        replica,
        tell: (run) => this.#gossip.tellRun(run),
        announce: () => this.#announceSoon(),
        onTrouble: (error) => parts.onTrouble('own deltas were not told', error),
      },
      replica.seqOf(signer.own),
    );
    this.#exchange = new Exchange({
      ...parts,
      connectionTo: (node) => this.connectionTo(node),
      connected: () => this.connected(),
      addresses: () => this.addresses,
      announceSoon: () => this.#announceSoon(),
      onPlace: (node, place) => this.#redial.heardOf(node, place),
    });
    const shared = {
      net,
      isAllowed: (node: NodeId) => this.#isAllowed(node),
      nowMs: () => clock.monotonicMs(),
    };
    this.#redial = new Redial({
      ...shared,
      store,
      relays: new Relays({ ...shared, behindNat: parts.settings.behindNat }),
      own: signer.own,
      onAlone: parts.onAlone,
      onOtherKey: parts.onOtherKey,
    });
    this.#direct = new Direct(net, {
      cluster: store.document.cluster,
      nowMs: () => clock.monotonicMs(),
      onMessage: parts.onMessage,
      onOffence: (from, kind, what) => parts.offences.add(from, kind, what),
    });
  }

  /** @throws when the network cannot be opened: a port that is taken. */
  static async open(parts: MeshParts): Promise<Mesh> {
    const { document } = parts.store;
    const { settings } = parts;
    const open = (port: number) =>
      openMainNet({
        seed: parts.seed,
        networkKey: Buffer.from(document.secret, 'base64'),
        listen: settings.listen,
        port,
        cluster: document.cluster,
        mdns: settings.mdns,
        isAllowed: (node) => parts.store.membership.isMember(node) && !parts.offences.isCutOff(node),
      });
    const net = await (settings.port === 0 && document.ports.main !== 0
      ? // The port of last time, where the others look first; another one when somebody has taken it.
        open(document.ports.main).catch(() => open(0))
      : open(settings.port));
    const mesh = new Mesh(net, parts);
    await mesh.#start();
    return mesh;
  }

  async #start(): Promise<void> {
    const { cluster } = this.#parts.store.document;
    const limits = { maxInboundStreams: 8, runOnLimitedConnection: true };
    await this.#net.handle(
      catchUpProtocol(cluster),
      (stream, connection) => {
        const messages = new MessageStream(stream);
        const from = nodeIdOf(connection.remotePeer);
        void this.#exchange.serve(from, messages, () => this.#exchange.give(from, messages));
      },
      limits,
    );
    await this.#net.handle(
      keyProtocol(cluster),
      (stream, connection) => {
        const messages = new MessageStream(stream, 8192);
        const from = nodeIdOf(connection.remotePeer);
        void this.#exchange.serve(from, messages, async () => {
          const isTaken = await this.#parts.onKey(await messages.readJson());
          await messages.writeJson({ ok: isTaken });
        });
      },
      limits,
    );
    await this.#direct.start();
    this.#net.addEventListener('connection:open', ({ detail }) => this.#onConnection(detail));
    this.#net.addEventListener('peer:connect', ({ detail }) => this.#onConnect(detail));
    this.#net.addEventListener('peer:disconnect', ({ detail }) => {
      this.#seen(nodeIdOf(detail));
      this.#exchange.left(nodeIdOf(detail));
      this.#direct.changed(nodeIdOf(detail));
      // It may have named in its last run whom it did not come to tell.
      this.#announceSoon();
    });
    this.#parts.onMet(this.#parts.store.membership.all().map(({ node }) => node));
    // Who came while the handlers were being set up.
    for (const node of this.connected()) this.#exchange.want(node);
    this.#redial.start();
    this.#timers.push(
      setInterval(() => this.#announceSoon(), announceIntervalMs),
      setInterval(() => this.pullAll(), catchUpIntervalMs),
    );
  }

  get addresses(): readonly string[] {
    return this.#net.getMultiaddrs().map(String);
  }

  connected(): readonly NodeId[] {
    return this.#net
      .getPeers()
      .map(nodeIdOf)
      .filter((node) => this.#isAllowed(node));
  }

  connectionTo(node: NodeId): Connection | undefined {
    return this.#net.getConnections(peerIdOf(node)).find(({ status }) => status === 'open');
  }

  get gossip(): GossipCounts {
    return this.#gossip.counts;
  }

  /** What the member said last that it has. */
  vectorOf(node: NodeId): VersionVector | undefined {
    return this.#exchange.vectorOf(node);
  }

  grew(own: OwnDeltas): void {
    this.#publisher.grew(own);
  }

  pullAll(): void {
    for (const node of this.connected()) this.#exchange.want(node);
  }

  async tellRecords(records: readonly MemberRecord[]): Promise<void> {
    await this.#gossip.tellRecords(records);
    this.#announceSoon();
  }

  /** True once the member has the new key on its disk. */
  async tellKey(node: NodeId, value: unknown): Promise<boolean> {
    try {
      const stream = await openStream(
        this.connectionTo(node),
        keyProtocol(this.#parts.store.document.cluster),
      );
      const messages = new MessageStream(stream, 8192);
      await messages.writeJson(value);
      const answer = (await messages.readJson()) as { ok?: unknown } | null;
      await messages.close();
      return answer?.ok === true;
    } catch {
      return false;
    }
  }

  send(to: NodeId, bytes: Uint8Array): Promise<boolean> {
    return this.#direct.send(to, bytes);
  }

  /** Who is no member any more, or misbehaves, is cut off now; the gate keeps it out. */
  async cutOff(node: NodeId): Promise<void> {
    for (const connection of this.#net.getConnections(peerIdOf(node))) connection.abort(new Error('cut off'));
    this.#exchange.forget(node);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#announcing);
    this.#redial.close();
    this.#publisher.close();
    this.#exchange.close();
    await this.#net.stop();
  }

  #isAllowed(node: NodeId): boolean {
    return this.#parts.store.membership.isMember(node) && !this.#parts.offences.isCutOff(node);
  }

  #onConnect(peer: PeerId): void {
    const node = nodeIdOf(peer);
    if (!this.#isAllowed(node)) {
      void this.cutOff(node);
      return;
    }
    this.#seen(node);
    this.#redial.reached(node);
    this.#exchange.want(node);
  }

  /** Also beside one that is still there, which may be dead without anybody having noticed. */
  #onConnection({ remotePeer }: Connection): void {
    const node = nodeIdOf(remotePeer);
    if (!this.#isAllowed(node)) return;
    this.#direct.changed(node);
    this.#parts.onMet([node]);
  }

  #seen(node: NodeId): void {
    if (this.#isAllowed(node)) this.#parts.store.seen(node, { lastSeenMs: this.#parts.clock.wallMs() });
  }

  #onRun(from: NodeId, run: Run): 'forward' | 'keep' | 'false' {
    const outcome = this.#parts.replica.offer(run);
    this.#seen(from);
    if (outcome === 'gap' || outcome === 'full' || outcome === 'stranger') this.#exchange.want(from);
    if (outcome === 'invalid') {
      this.#parts.offences.add(from, 'forged', `a run of ${run.source} that it has not signed`);
      return 'false';
    }
    // A fork goes no further from here: whoever has the other half sees it there.
    return outcome === 'stranger' || outcome === 'fork' ? 'keep' : 'forward';
  }

  #onAnnouncement(from: NodeId, { vector, heads, digest }: Announcement): void {
    const { replica, store } = this.#parts;
    this.#seen(from);
    this.#exchange.heard(from, vector);
    if (isAhead(vector, replica.vector()) || digest !== store.membership.digest) this.#exchange.want(from);
    for (const source of replica.contradicted(vector, heads)) this.#exchange.doubt(source, from);
  }

  #announceSoon(): void {
    this.#announcing ??= setTimeout(() => {
      this.#announcing = undefined;
      const { replica, store } = this.#parts;
      const { digest } = store.membership;
      void this.#gossip.announce({ vector: replica.vector(), heads: replica.heads(), digest });
    }, announceDelayMs);
  }
}

function keyProtocol(cluster: string): string {
  return `/agent-collab/${cluster}/key/1`;
}
