/**
 * This node among its peers, as the rest of the daemon sees it. The thread that does the work is started when there is a cluster, or is
 * to be one: a node that works alone never loads any of it.
 */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { HlcTime, HybridClock } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { version } from '../base/version.ts';
import type { Config } from '../home/config.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import { workerUrl } from '../offload/worker-url.ts';
import { unpackBatch } from '../p2p/foreign-batch.ts';
import { ownDeltas } from '../p2p/own-deltas.ts';
import type { ClusterView, PeerAsks, PeerReport, PeerView } from '../p2p/peer-contract.ts';
import { PeerThread } from '../p2p/peer-thread.ts';
import type { AuditService } from './audit-service.ts';
import type { OpenStores, SharedLog } from './stores.ts';

export interface PeerServiceParts {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly key: NodeKey;
  readonly stores: OpenStores;
  readonly clock: HybridClock;
  readonly audit: AuditService;
  readonly logger: Logger;
  /** Why nothing new should be taken now, if so. */
  readonly refusal: () => CollabError | undefined;
}

/** What comes straight from members. */
export interface DirectListener {
  message(from: NodeId, bytes: Uint8Array): void;
  /** A connection to these members was made, or can be made from now on. */
  met(nodes: readonly NodeId[]): void;
}

/** How long a status waits for the peers: it must come also when their thread has no time. */
const statusLimitMs = 500;
const maxWarnings = 10;

export class PeerService {
  readonly #parts: PeerServiceParts;
  readonly #thread: PeerThread | undefined;
  readonly #listeners = new Set<DirectListener>();
  readonly #warnings = new Set<string>();
  #unsubscribe: () => void = () => {};
  /** Ends the leave to read that the thread has. */
  #endRead: (() => void) | undefined;

  constructor(parts: PeerServiceParts) {
    this.#parts = parts;
    const { log } = parts.stores;
    this.#thread = log === undefined ? undefined : this.#createThread(log);
    if (!existsSync(parts.paths.cluster)) return;
    if (this.#thread === undefined)
      this.#warnings.add(
        'this node keeps its log in memory and takes no part in its cluster meanwhile, neither in the log, as it could use a number twice, nor in the agreement on locks',
      );
    else this.#start();
  }

  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  /** @throws NOT_IN_CLUSTER, PEERS_UNAVAILABLE, and what the operation throws. */
  async ask<Name extends keyof PeerAsks & string>(
    name: Name,
    input: Parameters<PeerAsks[Name]>[0],
  ): Promise<Awaited<ReturnType<PeerAsks[Name]>>> {
    const thread = this.#thread;
    if (thread === undefined)
      throw new CollabError(
        'PEERS_UNAVAILABLE',
        'a node that keeps its log in memory takes no part in a cluster',
        {
          next: 'Start the daemon without --memory.',
        },
      );
    if (!thread.isRunning) {
      const makesOne = name === 'init' || name === 'join';
      if (!makesOne && !existsSync(this.#parts.paths.cluster))
        throw new CollabError('NOT_IN_CLUSTER', 'this node is in no cluster', {
          next: 'Make one: agent-collab init <name>, or join one: agent-collab join <token>.',
        });
      this.#start();
    }
    return thread.ask(name, input);
  }

  /** For a status: null when this node is in no cluster, or when the answer does not come in time. */
  async summary(): Promise<{ readonly cluster: ClusterView; readonly peers: readonly PeerView[] } | null> {
    const thread = this.#thread;
    if (thread === undefined || !thread.isRunning) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), statusLimitMs);
    });
    const asked = Promise.all([thread.ask('cluster', undefined), thread.ask('peers', undefined)]).then(
      ([cluster, peers]) => (cluster === null ? null : { cluster, peers }),
      () => null,
    );
    const answer = await Promise.race([asked, late]);
    clearTimeout(timer);
    return answer;
  }

  /** Straight to a member, best effort. */
  send(to: NodeId, bytes: Uint8Array): void {
    this.#thread?.tell('send', { to, bytes });
  }

  /** Tells `listener` until the returned function is called. */
  onDirect(listener: DirectListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a member sent straight to this node made no sense. */
  blame(node: NodeId, what: string): void {
    this.#thread?.tell('blame', { node, what });
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#thread?.close();
    this.#endRead?.();
  }

  #start(): void {
    const { deltas, log } = this.#parts.stores;
    this.#thread?.start();
    this.#unsubscribe();
    if (log === undefined) return;
    this.#unsubscribe = deltas.onCommitted((before, head) => {
      const own = ownDeltas(log.own(before, head), log.generation());
      if (own !== undefined) this.#thread?.tell('grew', own);
    });
  }

  #createThread(log: SharedLog): PeerThread {
    const { paths, config, key, clock, logger, refusal } = this.#parts;
    const { name, ...settings } = config.peers;
    return new PeerThread({
      url: workerUrl('peers'),
      logger,
      start: {
        node: key.nodeId,
        privateKey: key.toPkcs8(),
        name: name === '' ? hostname().slice(0, 100) : name,
        version,
        clusterFile: paths.cluster,
        forkFile: join(paths.logs, 'forks.jsonl'),
        stores: log.directories,
        settings,
      },
      answerers: {
        save: async (batch) => {
          const why = refusal();
          if (why !== undefined) throw why;
          const deltas = unpackBatch(batch);
          const newest = deltas.reduce((time, delta) => Math.max(time, delta.time), 0);
          if (!clock.observe(newest as HlcTime))
            throw new CollabError('STORE_UNAVAILABLE', 'deltas are dated too far in the future');
          await log.saveForeign(deltas);
        },
        skip: ({ source, head }) => log.skip(source, head),
        heads: () => log.heads(),
        beginRead: () => this.#beginRead(log),
        endRead: () => this.#endRead?.(),
        report: (report) => this.#onReport(report),
        message: ({ from, bytes }) => {
          for (const listener of this.#listeners) listener.message(from, bytes);
        },
        met: (nodes) => {
          for (const listener of this.#listeners) listener.met(nodes);
        },
      },
      onDeath: () => this.#endRead?.(),
    });
  }

  /** @returns the generation of the stores that are read. */
  #beginRead(log: SharedLog): Promise<number> {
    return new Promise((resolve, reject) => {
      const read = log.shared(
        () =>
          new Promise<void>((end) => {
            this.#endRead = () => {
              this.#endRead = undefined;
              end();
            };
            resolve(log.generation());
          }),
      );
      read.catch(reject);
    });
  }

  #onReport({ level, what, message, peer }: PeerReport): void {
    const { logger, audit } = this.#parts;
    logger[level](message, { what, ...(peer === undefined ? {} : { peer }) });
    if (what === 'fork' || what === 'cut off')
      audit.record({ action: 'violation', metadata: { what, message, peer: peer ?? null } });
    if (what !== 'fork' && what !== 'removed' && what !== 'cut off') return;
    this.#warnings.add(message);
    const [oldest] = this.#warnings;
    if (this.#warnings.size > maxWarnings && oldest !== undefined) this.#warnings.delete(oldest);
  }
}
