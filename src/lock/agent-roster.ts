import type { AgentId } from '../base/ids.ts';
import type { Lease } from './lease.ts';
import type { Notice, NoticeBatch } from './lock.ts';
import type { LockConfig } from './lock-options.ts';
import type { Waiter } from './wait-queue.ts';

/** Credit that a claim uses up: a token of the bucket. */
const claimCost = 1000;

/** What the table knows of one agent. Times are monotonic. */
export class AgentState {
  readonly id: AgentId;
  readonly leases = new Set<Lease>();
  readonly waiters = new Set<Waiter>();
  /** The agent's last sign of life: every lease counts its ttl from here if that is later than its own start. */
  touchedMs = Number.NEGATIVE_INFINITY;
  /** Thousandths of a claim that the rate limit allows: whole numbers where times are, so that sums stay exact. */
  credit: number;
  refilledMs: number;
  /** A denial by the rate limit was reported and none was let through since. */
  isDry = false;
  notices: Notice[] = [];
  droppedNotices = 0;
  noticedMs = Number.NEGATIVE_INFINITY;

  constructor(id: AgentId, credit: number, nowMs: number) {
    this.id = id;
    this.credit = credit;
    this.refilledMs = nowMs;
  }
}

/**
 * The agents that hold, wait, have unread notices or made claims lately. Every newcomer pays for looking at two
 * others, and those with nothing left are forgotten; so the roster stays in proportion to what is in use,
 * without a sweep that stalls.
 */
export class AgentRoster {
  readonly #config: LockConfig;
  readonly #agents = new Map<AgentId, AgentState>();
  #cursor: Iterator<AgentState> = this.#agents.values();

  constructor(config: LockConfig) {
    this.#config = config;
  }

  get size(): number {
    return this.#agents.size;
  }

  get(id: AgentId): AgentState | undefined {
    return this.#agents.get(id);
  }

  reach(id: AgentId, nowMs: number): AgentState {
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    this.#forgetIdle(nowMs);
    this.#forgetIdle(nowMs);
    const agent = new AgentState(id, this.#config.rateBurst * claimCost, nowMs);
    this.#agents.set(id, agent);
    return agent;
  }

  /** Takes a token of the agent's bucket. @returns 0, or how long until there is one, in ms. */
  takeToken(agent: AgentState, nowMs: number): number {
    this.#refill(agent, nowMs);
    if (agent.credit >= claimCost) {
      agent.credit -= claimCost;
      return 0;
    }
    return Math.ceil((claimCost - agent.credit) / this.#config.ratePerSecond);
  }

  addNotice(agent: AgentState, notice: Notice, nowMs: number): void {
    agent.noticedMs = nowMs;
    agent.notices.push(notice);
    if (agent.notices.length <= this.#config.noticesPerAgent) return;
    agent.notices.shift();
    agent.droppedNotices += 1;
  }

  takeNotices(id: AgentId): NoticeBatch {
    const agent = this.#agents.get(id);
    if (agent === undefined) return { notices: [], dropped: 0 };
    const batch = { notices: agent.notices, dropped: agent.droppedNotices };
    agent.notices = [];
    agent.droppedNotices = 0;
    return batch;
  }

  /** Token bucket with lazy refill (Turner, "New directions in communications", 1986). */
  #refill(agent: AgentState, nowMs: number): void {
    const { ratePerSecond, rateBurst } = this.#config;
    const earned = (nowMs - agent.refilledMs) * ratePerSecond;
    agent.credit = Math.min(rateBurst * claimCost, agent.credit + earned);
    agent.refilledMs = nowMs;
  }

  #forgetIdle(nowMs: number): void {
    let step = this.#cursor.next();
    if (step.done) {
      this.#cursor = this.#agents.values();
      step = this.#cursor.next();
    }
    if (!step.done && this.#isIdle(step.value, nowMs)) this.#agents.delete(step.value.id);
  }

  #isIdle(agent: AgentState, nowMs: number): boolean {
    if (agent.leases.size > 0 || agent.waiters.size > 0) return false;
    if (agent.notices.length > 0 && nowMs - agent.noticedMs < this.#config.noticeKeptMs) return false;
    this.#refill(agent, nowMs);
    return agent.credit >= this.#config.rateBurst * claimCost;
  }
}
