/** The peers' thread: the cluster of this node, its network while it has one, and the operations on both. */
import { createPrivateKey, sign } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import { hlcFromMs, maxAheadMs } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { loadCluster } from './cluster-file.ts';
import { ClusterStore } from './cluster-store.ts';
import { Door, type DoorAnswer, type DoorKeys, type DoorRequest, portOf } from './door.ts';
import { appendFork } from './fork-file.ts';
import { admit } from './invites.ts';
import { KeyKeeper } from './key-keeper.ts';
import { LogAccess } from './log-access.ts';
import type { SignOwn } from './log-window.ts';
import { type MemberRecord, type RecordDraft, signRecord } from './membership.ts';
import { Mesh } from './mesh.ts';
import { Offences } from './offences.ts';
import type { PeerReport, PeerStart } from './peer-contract.ts';
import { type Fork, Replica, type ReplicaLog } from './replica.ts';

export interface PeerClock {
  wallMs(): number;
  monotonicMs(): number;
}

export interface PeerNodeParts {
  readonly start: PeerStart;
  readonly clock: PeerClock;
  readonly log: ReplicaLog & {
    skip(floor: { source: NodeId; seq: number; hash: Uint8Array }): Promise<void>;
    beginRead(): Promise<number>;
    endRead(): Promise<void>;
  };
  readonly report: (report: PeerReport) => void;
  readonly onMessage: (from: NodeId, bytes: Uint8Array) => void;
  /** A connection to these members was made; or, of all members, can be made from now on. */
  readonly onMet: (nodes: readonly NodeId[]) => void;
}

/** What is open while there is a cluster. */
interface Running {
  readonly store: ClusterStore;
  readonly keys: KeyKeeper;
  readonly door: Door;
  mesh: Mesh;
}

const seedBytes = 32;
/** A port that is taken may be free again, a file that was damaged mended. */
const reopenMs = 5000;
/** Between being told a new key and using it: the answer is on its way. */
const switchDelayMs = 300;

export class PeerNode {
  readonly own: NodeId;
  readonly parts: PeerNodeParts;
  readonly offences: Offences;
  readonly replica: Replica;
  readonly #signer: SignOwn;
  readonly #log: LogAccess;
  readonly #seed: Uint8Array;
  readonly #privateKey;
  #running: Running | undefined;
  #isClosed = false;
  #switching: Promise<void> = Promise.resolve();
  #broken: unknown;

  constructor(parts: PeerNodeParts) {
    const { start, clock, log } = parts;
    this.parts = parts;
    this.own = start.node;
    const der = Buffer.from(start.privateKey);
    this.#privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    this.#seed = Uint8Array.from(der.subarray(-seedBytes));
    this.#signer = { own: this.own, sign: (hash) => sign(null, hash, this.#privateKey) };
    this.#log = new LogAccess(start.stores, { begin: () => log.beginRead(), end: () => log.endRead() }, () =>
      clock.monotonicMs(),
    );
    this.offences = new Offences(clock, (peer, why) => {
      parts.report({
        level: 'warn',
        what: 'cut off',
        message: `the peer ${peer} was cut off (${why})`,
        peer,
      });
      void this.#running?.mesh.cutOff(peer);
    });
    this.replica = new Replica({
      own: this.own,
      log,
      isKnown: (source) => this.#running?.store.membership.wasMember(source) ?? false,
      isDue: (time) => time <= hlcFromMs(clock.wallMs() + maxAheadMs),
      onFork: (fork) => this.#onFork(fork),
    });
  }

  /** Joins the network of the cluster that cluster.json names, if there is one; later, when it cannot be now. */
  async open(): Promise<void> {
    if (this.#isClosed || this.#running !== undefined) return;
    try {
      const loaded = await loadCluster(this.parts.start.clusterFile);
      if (loaded === undefined) return;
      for (const message of loaded.warnings) this.parts.report({ level: 'warn', what: 'trouble', message });
      await this.run(ClusterStore.of(this.parts.start.clusterFile, loaded));
      this.#broken = undefined;
    } catch (error) {
      // The daemon serves all the same: locks and the log need no peers.
      if (String(error) !== String(this.#broken)) this.#trouble('this node is not among its peers', error);
      this.#broken = error;
      setTimeout(() => void this.open(), reopenMs).unref();
    }
  }

  /** @throws NOT_IN_CLUSTER */
  get running(): Running {
    if (this.#running !== undefined) return this.#running;
    if (this.#broken !== undefined) throw this.#broken;
    throw new CollabError('NOT_IN_CLUSTER', 'this node is in no cluster', {
      next: 'Make one: agent-collab init <name>, or join one: agent-collab join <token>.',
    });
  }

  get runningOrNone(): Running | undefined {
    return this.#running;
  }

  get doorKeys(): Omit<DoorKeys, 'doorKey'> {
    return { seed: this.#seed, listen: this.parts.start.settings.listen };
  }

  sign(
    draft: Omit<RecordDraft, 'cluster' | 'by' | 'as' | 'at'>,
    store: Pick<ClusterStore, 'membership'>,
  ): MemberRecord {
    const { cluster } = store.membership;
    const as = store.membership.get(this.own)?.generation ?? 1;
    return this.signRaw({ ...draft, cluster, by: this.own, as, at: this.parts.clock.wallMs() });
  }

  signRaw(draft: RecordDraft): MemberRecord {
    return signRecord(draft, this.#privateKey);
  }

  get privateKey() {
    return this.#privateKey;
  }

  /** Opens door and network of the cluster. */
  async run(store: ClusterStore): Promise<void> {
    const { start, clock } = this.parts;
    await this.replica.begin();
    this.replica.grew(await this.#log.read((reader) => reader.log.source(this.own).seq));
    const open = (port: number) =>
      Door.open(
        { ...this.doorKeys, doorKey: store.document.doorKey, port, nowMs: () => clock.monotonicMs() },
        (from, request) => this.#answer(from, request),
      );
    const { ports } = store.document;
    const { doorPort } = start.settings;
    const door = await (doorPort === 0 && ports.door !== 0
      ? open(ports.door).catch(() => open(0))
      : open(doorPort));
    try {
      // Before the mesh: whoever connects asks at once.
      const keys = this.#createKeyKeeper(store);
      const mesh = await this.#openMesh(store, keys, door);
      this.#running = { store, keys, door, mesh };
      await store.change({ ports: { main: portOf(mesh.addresses), door: door.port } });
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  /** New records, from wherever: kept, told on, and acted upon. */
  async takeRecords(records: readonly MemberRecord[]): Promise<void> {
    const { store, keys, mesh } = this.running;
    const before = new Set(
      store.membership
        .all()
        .filter(({ gone }) => gone === undefined)
        .map(({ node }) => node),
    );
    const fresh = await store.addRecords(records);
    if (fresh.length === 0) return;
    await mesh.tellRecords(fresh);
    for (const { node, name, gone } of store.membership.all()) {
      if (gone === undefined) {
        if (!before.has(node)) this.#tell('joined', `${name} (${node}) is a member now`, node);
        continue;
      }
      if (!before.has(node)) continue;
      this.#tell(gone, `${name} (${node}) is no member any more: ${gone}`, node);
      if (node === this.own) this.#onRemoved(gone);
      else await mesh.cutOff(node);
    }
    // A change that came by gossip without its key: the door of whoever has it.
    if (keys.isMissing) void keys.askAround();
  }

  /** Opens the network anew, with the key that is on disk by now. */
  changeKey(): void {
    this.#switching = this.#switching.then(() => this.#switchKey());
  }

  async #switchKey(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, switchDelayMs));
    const running = this.#running;
    if (running === undefined || this.#isClosed) return;
    try {
      await running.mesh.close();
      running.mesh = await this.#openMesh(running.store, running.keys, running.door);
      this.#tell('key changed', `the key of the cluster has changed (epoch ${running.store.document.epoch})`);
    } catch (error) {
      this.#trouble('the network could not be opened with the new key', error);
    }
  }

  #createKeyKeeper(store: ClusterStore): KeyKeeper {
    return new KeyKeeper(store, {
      own: this.own,
      doorKeys: this.doorKeys,
      takeRecords: (records) => this.takeRecords(records),
      onChanged: () => this.changeKey(),
      onRemoved: (node) => this.#tell('removed', `${node} says that this node is no member any more`),
      onTrouble: (error) => this.#trouble('the key of the cluster could not be asked for', error),
      nowMs: () => this.parts.clock.monotonicMs(),
    });
  }

  #openMesh(store: ClusterStore, keys: KeyKeeper, door: Door): Promise<Mesh> {
    const { start, clock, log, onMessage, onMet } = this.parts;
    return Mesh.open({
      seed: this.#seed,
      signer: this.#signer,
      version: start.version,
      settings: start.settings,
      store,
      replica: this.replica,
      log: this.#log,
      offences: this.offences,
      clock,
      doorAddresses: () => door.addresses,
      skip: (floor) => log.skip(floor),
      onRecords: (records) =>
        void this.takeRecords(records).catch((error) => this.#trouble('records', error)),
      onKey: (value) => keys.take(value),
      onMessage,
      onMet,
      onTrouble: (what, error) => this.#trouble(what, error),
      onAlone: () => void keys.askAround(),
      onOtherKey: (node) => void keys.ask(node),
    });
  }

  async #answer(from: NodeId, request: DoorRequest): Promise<DoorAnswer> {
    const { store, mesh, door } = this.running;
    const { document, membership } = store;
    if (request.cluster !== membership.cluster)
      throw new CollabError('INVITE_REFUSED', 'the invite is of another cluster', {
        details: { reason: 'foreign' },
      });
    if (request.kind === 'join') {
      const record = await admit(this, from, request);
      if (record !== undefined) {
        await mesh.tellRecords([record]);
        this.#tell('joined', `${record.text} (${from}) is a member now`, from);
      }
    } else if (!membership.isMember(from)) {
      throw new CollabError('NOT_IN_CLUSTER', 'this node is no member of the cluster', {
        next: 'Ask a member for an invite.',
      });
    }
    const { name, epoch, secret, doorKey } = document;
    const records = membership.records();
    return {
      cluster: membership.cluster,
      name,
      epoch,
      secret,
      doorKey,
      records,
      main: mesh.addresses,
      door: door.addresses,
    };
  }

  #onRemoved(gone: 'left' | 'evicted'): void {
    if (gone === 'evicted') this.#tell('removed', 'this node was evicted from the cluster; its log stays');
  }

  #onFork(fork: Fork): void {
    const { source, seq } = fork;
    const whose =
      source === this.own
        ? 'this node itself: another one uses its key, or its data directory was restored'
        : source;
    this.parts.report({
      level: 'warn',
      what: 'fork',
      message: `two deltas of number ${seq} are signed by ${whose}; the evidence is in ${this.parts.start.forkFile}`,
      peer: source,
    });
    appendFork(this.parts.start.forkFile, fork, this.parts.clock.wallMs()).catch((error) =>
      this.#trouble('evidence of a fork', error),
    );
  }

  #tell(what: PeerReport['what'], message: string, peer?: NodeId): void {
    const level = what === 'removed' ? 'warn' : 'info';
    this.parts.report({ level, what, message, ...(peer === undefined ? {} : { peer }) });
  }

  #trouble(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.parts.report({ level: 'warn', what: 'trouble', message: `${what}: ${text}` });
  }

  /** Leaves the network; cluster.json stays unless the caller removes it. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await running.mesh.close();
    await running.door.close();
    await running.store.close();
    await this.#log.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.stop();
    await this.#log.close();
  }
}
