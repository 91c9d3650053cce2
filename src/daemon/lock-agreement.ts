/**
 * The locks of a node that is in a cluster: begins and ends the agreement with the cluster, keeps its view at the cluster's members, and
 * joins it to the disk and the network ("In the daemon" in docs/AGREEMENT.md).
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AgreedLocks } from '../agreement/agreed-locks.ts';
import { type DurableState, freshState } from '../agreement/durable-state.ts';
import { decodeMessage, encodeMessage } from '../agreement/message-codec.ts';
import { firstFence, majorityOf, roundAbove, type View } from '../agreement/view.ts';
import type { Clock } from '../base/clock.ts';
import type { LockId, NodeId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { randomFraction } from '../base/random.ts';
import type { AgreementView } from '../control/results.ts';
import type { Config } from '../home/config.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { type FenceSource, fenceBlock } from '../lock/fence.ts';
import { resolveLockOptions } from '../lock/lock-options.ts';
import type { LockTransition } from '../lock/outcome.ts';
import type { PeerView } from '../p2p/peer-contract.ts';
import { loadAgreement, removeAgreement, saveAgreement } from './agreement-file.ts';
import type { LockService } from './lock-service.ts';
import type { PeerService } from './peer-service.ts';
import type { OpenStores } from './stores.ts';

export interface LockAgreementParts {
  readonly self: NodeId;
  readonly paths: HomePaths;
  readonly partition: Config['locks']['partition'];
  readonly lockOptions: Omit<Config['locks'], 'partition'>;
  readonly stores: Pick<OpenStores, 'log' | 'reserveFences'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly locks: LockService;
  readonly fences: FenceSource;
  readonly peers: PeerService;
  readonly newLockId: () => LockId;
  readonly onTransition: (transition: LockTransition) => void;
}

/** How often the view is held against the members of the cluster. */
const reconcileMs = 1000;
/** One member proposes a change; the others do when it is still due after so many looks. */
const patience = 3;
/** Who put itself out of the view is about to leave the cluster. */
const outForMs = 10_000;
/** Members speak twice a second in the view that they know: silence in the one before means that they know the next. */
const silenceMs = 1200;
const followMs = 50;
/** How long a leave or an eviction waits for the others to agree. */
const changeLimitMs = 3000;
const retryWriteMs = 1000;

export class LockAgreement {
  readonly #parts: LockAgreementParts;
  readonly #names = new Map<NodeId, string>();
  readonly #outSinceMs = new Map<NodeId, number>();
  /** Of the newest view. */
  #members: readonly NodeId[] = [];
  /** When somebody last spoke in a view before the newest: it has not been told yet. */
  #behindMs = Number.NEGATIVE_INFINITY;
  readonly #viewListeners = new Set<() => void>();
  #agreed: AgreedLocks | undefined;
  /** Undefined until the cluster is known that the state is of. */
  #cluster: string | undefined;
  #saving: Promise<void> = Promise.resolve();
  #reservedRound = 0;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => {};
  #looks = 0;
  #isClosed = false;
  #warning: string | undefined;

  constructor(parts: LockAgreementParts) {
    this.#parts = parts;
  }

  /** At the start of the daemon, before anybody asks for a lock. */
  async open(): Promise<void> {
    const { paths, stores, logger } = this.#parts;
    if (stores.log === undefined) return;
    if (!existsSync(paths.cluster)) {
      // What a leave that was interrupted has left.
      await removeAgreement(paths.agreement);
      return;
    }
    const found = await loadAgreement(paths.agreement).catch((error: Error) => {
      // Without its votes a node is as one that never had any: the others take it in again.
      this.#warning = `${error.message}; this node waits for the members of its cluster to take it in again`;
      logger.warn(this.#warning);
      return undefined;
    });
    this.#cluster = found?.cluster;
    this.#begin(found?.state);
  }

  /** This node has just made a cluster: it is the only member. */
  founded(cluster: string): void {
    this.#cluster = cluster;
    this.#begin(freshState(this.#parts.self, false));
  }

  /** This node was admitted to a cluster, whose members take it into their view. */
  joined(cluster: string): void {
    this.#cluster = cluster;
    this.#begin(undefined);
    this.look();
  }

  /** Before this node leaves its cluster: its leases end, and the others go on without it. */
  async leave(): Promise<void> {
    const agreed = this.#agreed;
    if (agreed === undefined) return;
    const others = agreed.view.members.length > 1;
    agreed.leave();
    if (!others) return;
    await this.#untilView(() => !agreed.view.members.includes(this.#parts.self));
    await this.#untilAllFollow();
  }

  /** Whoever has not heard of the view that this node has just left asks it for that, and nobody else may know. */
  async #untilAllFollow(): Promise<void> {
    const { clock } = this.#parts;
    this.#behindMs = clock.monotonicMs();
    const endMs = this.#behindMs + changeLimitMs;
    while (clock.monotonicMs() < Math.min(endMs, this.#behindMs + silenceMs)) await delay(followMs);
  }

  /** After this node has left: it decides alone again, with fences above all that it gave or promised. */
  async left(): Promise<void> {
    const { paths, stores, fences, locks } = this.#parts;
    const agreed = this.#agreed;
    if (agreed === undefined) return;
    this.#stop();
    agreed.close();
    await this.#saving;
    const next = firstFence(this.#reservedRound + 1);
    await stores.reserveFences(next + fenceBlock);
    fences.skipTo(next, next + fenceBlock);
    locks.workAlone();
    await removeAgreement(paths.agreement);
  }

  /** Before a member is evicted: while it can still be heard, it may take part in deciding that. */
  async putOut(node: NodeId): Promise<void> {
    const agreed = this.#agreed;
    if (agreed === undefined || !agreed.view.members.includes(node)) return;
    agreed.change(node, 'out');
    await this.#untilView(() => !agreed.view.members.includes(node));
  }

  /** The members of the cluster may be others: holds the view against them soon. */
  look(): void {
    void this.#reconcile().catch((error: unknown) =>
      this.#parts.logger.warn('the members of the cluster could not be looked up', { error: String(error) }),
    );
  }

  /** Null while this node decides alone. */
  get view(): AgreementView | null {
    const agreed = this.#agreed;
    if (agreed === undefined) return null;
    const { epoch, members } = agreed.view;
    const reachable = agreed.reachable().length;
    const isMember = members.includes(this.#parts.self) && epoch > 0;
    const majority = isMember && reachable >= majorityOf(agreed.view);
    return { epoch, members: members.length, reachable, majority };
  }

  get warnings(): readonly string[] {
    const { view } = this;
    const own = this.#warning === undefined ? [] : [this.#warning];
    if (view === null || view.majority) return own;
    const { partition } = this.#parts;
    const what =
      view.epoch === 0
        ? 'The other members have not taken this node into their agreement on locks yet'
        : `Only ${view.reachable} of ${view.members} members can be reached, which is no majority`;
    const then =
      partition === 'local'
        ? 'locks are granted with assurance "local", and one may have to give way when the others are back'
        : 'claims are denied until the others are back (locks.partition is refuse)';
    return [...own, `${what}: ${then}.`];
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
    this.#agreed = undefined;
  }

  #begin(found: DurableState | undefined): void {
    const { self, clock, partition, lockOptions, locks, peers, newLockId, onTransition } = this.#parts;
    this.#agreed?.close();
    this.#stop();
    const state = found ?? freshState(self, true);
    // Above every fence of this node, whoever gave it.
    const reservedRound = Math.max(state.reservedRound, roundAbove(locks.newestFence + 1));
    this.#reservedRound = reservedRound;
    const agreed = new AgreedLocks(
      {
        self,
        durable: { ...state, reservedRound },
        clock,
        random: randomFraction,
        newLockId,
        nameOf: (node) => this.#names.get(node),
        send: (to, message) => peers.send(to, encodeMessage(message)),
        save: (next, done) => void this.#save(next).then(done),
        onTransition,
        onView: (view) => this.#onView(view),
        onChange: () => locks.changed(),
      },
      resolveLockOptions(lockOptions),
      { partition, maxTtlMs: lockOptions.maxTtlMs, ageingMs: lockOptions.ageingMs },
    );
    this.#agreed = agreed;
    this.#unsubscribe = peers.onDirect({
      message: (from, bytes) => this.#receive(agreed, from, bytes),
      met: (nodes) => agreed.met(nodes),
    });
    locks.joinCluster(agreed);
    agreed.start();
    this.#timer = setInterval(() => this.look(), reconcileMs).unref();
  }

  #receive(agreed: AgreedLocks, from: NodeId, bytes: Uint8Array): void {
    let message: ReturnType<typeof decodeMessage>;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      this.#parts.peers.blame(from, error instanceof Error ? error.message : String(error));
      return;
    }
    if (message.epoch < agreed.view.epoch) this.#behindMs = this.#parts.clock.monotonicMs();
    agreed.receive(from, message);
  }

  /** One after the other, each until the disk takes it: meanwhile this node says nothing to anybody. */
  #save(state: DurableState): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const { paths, stores, logger } = this.#parts;
      for (let isTold = false; !this.#isClosed; isTold = true) {
        try {
          if (state.reservedRound > this.#reservedRound) {
            // The fences of a node that decides alone go on behind these, whatever becomes of the file.
            await stores.reserveFences(firstFence(state.reservedRound + 1));
            this.#reservedRound = state.reservedRound;
          }
          await saveAgreement(paths.agreement, { cluster: this.#cluster ?? '?', state });
          return;
        } catch (error) {
          if (!isTold) logger.error('the agreement on locks waits for the disk', { error: String(error) });
          await delay(retryWriteMs, undefined, { ref: false });
        }
      }
      // Closed: nothing may be said any more, so this is never done.
      await new Promise(() => {});
    });
    return this.#saving;
  }

  #onView({ epoch, members }: View): void {
    const { clock, logger } = this.#parts;
    logger.info('the nodes that agree on locks are', { epoch, members: members.length });
    for (const node of this.#members)
      if (!members.includes(node)) this.#outSinceMs.set(node, clock.monotonicMs());
    for (const node of members) this.#outSinceMs.delete(node);
    this.#members = members;
    this.#warning = undefined;
    for (const listener of this.#viewListeners) listener();
  }

  async #untilView(isSo: () => boolean): Promise<void> {
    const limit = new AbortController();
    const reached = new Promise<void>((resolve) => {
      const listener = () => {
        if (!isSo()) return;
        this.#viewListeners.delete(listener);
        resolve();
      };
      this.#viewListeners.add(listener);
      listener();
    });
    await Promise.race([reached, delay(changeLimitMs, undefined, { signal: limit.signal }).catch(() => {})]);
    limit.abort();
  }

  async #reconcile(): Promise<void> {
    const summary = await this.#parts.peers.summary();
    const agreed = this.#agreed;
    if (summary === null || agreed === undefined || this.#isClosed) return;
    const { self } = this.#parts;
    for (const { node, name } of summary.peers) this.#names.set(node, name);
    const members = summary.peers.filter(isMember).map(({ node }) => node);
    if (this.#cluster !== undefined && this.#cluster !== summary.cluster.id) {
      // The state is of another cluster: what follows is for the agreement that begins now.
      this.joined(summary.cluster.id);
      return;
    }
    this.#cluster = summary.cluster.id;
    const { view } = agreed;
    if (view.epoch === 0) {
      // Made before there was anything to agree on, by a start that was killed: nobody else can have promised anything.
      if (members.length === 1 && members[0] === self) this.founded(summary.cluster.id);
      return;
    }
    if (!view.members.includes(self)) return;
    const connected = new Set<NodeId>(
      summary.peers.filter(({ state }) => state === 'connected').map(({ node }) => node),
    );
    const joining = members.filter(
      (node) => !view.members.includes(node) && connected.has(node) && !this.#isLeaving(node),
    );
    const gone = view.members.filter((node) => !members.includes(node));
    if (joining.length + gone.length === 0) {
      this.#looks = 0;
      return;
    }
    this.#looks += 1;
    const [first] = view.members.filter((node) => node === self || connected.has(node));
    if (first !== self && this.#looks <= patience) return;
    for (const node of joining) agreed.change(node, 'in');
    for (const node of gone) agreed.change(node, 'out');
  }

  #isLeaving(node: NodeId): boolean {
    const since = this.#outSinceMs.get(node);
    return since !== undefined && this.#parts.clock.monotonicMs() - since < outForMs;
  }
}

/** Members that are cut off count; a stranger that is has no name. */
function isMember({ state, name }: PeerView): boolean {
  return (
    state === 'self' || state === 'connected' || state === 'away' || (state === 'cut off' && name !== '')
  );
}
