/**
 * What agents want to hear about besides the files they work on: paths and globs, each for a time. The log has them, so they survive a
 * restart and reach every node; this is the table that answers from memory. It is read from the log by the first who asks, and every
 * later question reads what came since, from this node or another.
 *
 * An agent speaks for itself on each node: what it asked for on one node, only that node can take back. What it hears by is all of it.
 */
import type { Clock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { CollabError } from '../base/errors.ts';
import { type HlcTime, hlcFromMs } from '../base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId, RepoPath } from '../base/ids.ts';
import { maxInterestPatterns } from '../base/limits.ts';
import type { StoredDelta } from '../delta/delta.ts';
import {
  assertPattern,
  type InterestPattern,
  interestPayload,
  maxInterestMs,
  readInterest,
} from './interest-record.ts';
import type { InterestLog } from './ports.ts';

/** A working day: an agent that still cares says so again. */
const defaultLifeMs = 8 * 3_600_000;
const minLifeMs = 1000;
/** Part of its life by which an interest may be older than a new one: an agent that repeats itself each minute must not fill the log. */
const repeatShare = 0.1;
/** Agents of all nodes and projects whose interests are kept; beyond it the oldest go. Each has 32 patterns at most. */
const maxEntries = 2000;
/** Deltas read in one go. Further back only those that can be interests are looked up. */
const readStep = 1000;

/** Patterns of one agent that were asked for on one node and end at one time. */
export interface Interest {
  readonly agent: AgentId;
  readonly project: ProjectId;
  readonly node: NodeId;
  readonly patterns: readonly RepoPath[];
  readonly expiresAtMs: number;
}

interface Entry {
  readonly agent: AgentId;
  readonly project: ProjectId;
  readonly node: NodeId;
  readonly time: HlcTime;
  /** None: taken back. Kept, so that an older delta that is read later stays without effect. */
  readonly patterns: readonly InterestPattern[];
}

export interface InterestParts {
  readonly log: InterestLog;
  readonly node: NodeId;
  readonly clock: Clock;
}

export class Interests {
  readonly #parts: InterestParts;
  /** By project, agent and node; the newest last. */
  readonly #entries = new Map<string, Entry>();
  /** The log is read up to this position. */
  #upTo = 0;
  #reading: Promise<void> | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(parts: InterestParts) {
    this.#parts = parts;
  }

  /** The patterns by which an agent hears now, on whichever node it asked for them. */
  async of(agent: AgentId, project: ProjectId): Promise<readonly RepoPath[]> {
    const found = await this.list({ agent, project });
    return [...new Set(found.flatMap(({ patterns }) => patterns))];
  }

  /** Those that have not ended, by agent. */
  async list(filter: {
    readonly agent?: AgentId;
    readonly project?: ProjectId;
  }): Promise<readonly Interest[]> {
    await this.#catchUp();
    const nowMs = this.#parts.clock.wallMs();
    return [...this.#entries.values()]
      .filter(
        ({ agent, project }) =>
          (filter.agent === undefined || agent === filter.agent) &&
          (filter.project === undefined || project === filter.project),
      )
      .flatMap((entry) => byExpiry(entry, nowMs))
      .sort((a, b) => a.agent.localeCompare(b.agent) || b.expiresAtMs - a.expiresAtMs);
  }

  /**
   * Adds patterns, or gives those that are there a new end. On disk when it resolves.
   * @throws INVALID_ARGUMENT for a pattern or a time over the limits; as the log's append.
   */
  async add(
    agent: AgentId,
    project: ProjectId,
    patterns: readonly RepoPath[],
    lifeMs: number = defaultLifeMs,
  ): Promise<readonly Interest[]> {
    assertLife(lifeMs);
    for (const pattern of patterns) assertPattern(pattern);
    return this.#inTurn(async () => {
      const now = await this.#own(agent, project);
      const expiresAtMs = Math.floor(this.#parts.clock.wallMs() + lifeMs);
      const isRepeat = patterns.every((pattern) => {
        const endMs = now.get(pattern) ?? 0;
        return endMs <= expiresAtMs && endMs >= expiresAtMs - lifeMs * repeatShare;
      });
      if (!isRepeat) {
        for (const pattern of patterns) now.set(pattern, expiresAtMs);
        await this.#write(agent, project, now);
      }
      return this.list({ agent, project });
    });
  }

  /** @param isMeant those to take back. @returns what this node had of them. */
  remove(
    agent: AgentId,
    project: ProjectId,
    isMeant: (pattern: RepoPath) => boolean,
  ): Promise<readonly RepoPath[]> {
    return this.#inTurn(async () => {
      const now = await this.#own(agent, project);
      const removed = [...now.keys()].filter(isMeant);
      for (const pattern of removed) now.delete(pattern);
      if (removed.length > 0) await this.#write(agent, project, now);
      return removed;
    });
  }

  /** Pattern → end, of what the agent asked for on this node. */
  async #own(agent: AgentId, project: ProjectId): Promise<Map<RepoPath, number>> {
    await this.#catchUp();
    const nowMs = this.#parts.clock.wallMs();
    const patterns = this.#entries.get(keyOf(agent, project, this.#parts.node))?.patterns ?? [];
    return new Map(
      patterns
        .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
        .map(({ pattern, expiresAtMs }) => [pattern, expiresAtMs]),
    );
  }

  async #write(agent: AgentId, project: ProjectId, patterns: ReadonlyMap<RepoPath, number>): Promise<void> {
    if (patterns.size > maxInterestPatterns) {
      throw new CollabError(
        'INVALID_ARGUMENT',
        `${agent} would have ${patterns.size} interests in this project, at most ${maxInterestPatterns}`,
        { next: 'Remove some, or write one glob for several.', details: { field: 'patterns' } },
      );
    }
    const all = [...patterns].map(([pattern, expiresAtMs]) => ({ pattern, expiresAtMs }));
    await this.#parts.log.append({ agent, project, type: 'custom', payload: interestPayload(all) });
  }

  /** A change reads what is there first: two at once would undo each other. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(change);
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #catchUp(): Promise<void> {
    const head = await this.#parts.log.head();
    // One that is reading already may have begun before `head` was there.
    while (this.#upTo < head) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
  }

  async #read(): Promise<void> {
    const { log, clock } = this.#parts;
    const head = await log.head();
    if (head - this.#upTo <= readStep) {
      for (const delta of await log.between(this.#upTo, head)) this.#take(delta);
    } else {
      let from = hlcFromMs(clock.wallMs() - maxInterestMs);
      for (;;) {
        const page = await log.customSince(from, readStep);
        for (const delta of page) this.#take(delta);
        const last = page.at(-1);
        if (last === undefined || page.length < readStep) break;
        // The page may have ended among several of one time.
        from = last.time === from ? ((from + 1) as HlcTime) : last.time;
      }
    }
    this.#upTo = head;
  }

  #take(delta: StoredDelta): void {
    const patterns = readInterest(delta);
    if (patterns === undefined) return;
    const { agent, project, source: node, time } = delta;
    const key = keyOf(agent, project, node);
    if ((this.#entries.get(key)?.time ?? -1) >= time) return;
    this.#entries.delete(key);
    this.#entries.set(key, { agent, project, node, time, patterns });
    if (this.#entries.size > maxEntries) this.#drop(this.#parts.clock.wallMs());
  }

  /** What has ended goes, and then whoever spoke up longest ago. */
  #drop(nowMs: number): void {
    for (const [key, entry] of this.#entries)
      if (byExpiry(entry, nowMs).length === 0) this.#entries.delete(key);
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries) return;
      this.#entries.delete(key);
    }
  }
}

function keyOf(agent: AgentId, project: ProjectId, node: NodeId): string {
  return `${project}\0${agent}\0${node}`;
}

/** What of an entry has not ended: one interest for each time at which some of it ends. */
function byExpiry({ agent, project, node, patterns }: Entry, nowMs: number): readonly Interest[] {
  const byEnd = new Map<number, RepoPath[]>();
  for (const { pattern, expiresAtMs } of patterns) {
    if (expiresAtMs <= nowMs) continue;
    const same = byEnd.get(expiresAtMs) ?? [];
    same.push(pattern);
    byEnd.set(expiresAtMs, same);
  }
  return [...byEnd].map(([expiresAtMs, same]) => ({ agent, project, node, patterns: same, expiresAtMs }));
}

function assertLife(lifeMs: number): void {
  if (lifeMs >= minLifeMs && lifeMs <= maxInterestMs) return;
  throw new CollabError('INVALID_ARGUMENT', `an interest cannot last ${formatDuration(lifeMs)}`, {
    next: `Say how long: from ${formatDuration(minLifeMs)} to ${formatDuration(maxInterestMs)}.`,
    details: { field: 'forMs' },
  });
}
