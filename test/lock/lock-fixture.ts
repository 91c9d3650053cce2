import type { AgentId, LockId, ProjectId, RepoPath } from '../../src/base/ids.ts';
import type { Claim } from '../../src/lock/claim.ts';
import { FenceSource } from '../../src/lock/fence.ts';
import type { LockOptions } from '../../src/lock/lock-options.ts';
import { LockTable } from '../../src/lock/lock-table.ts';
import type { Denial, Grant, LockTransition, Waiting } from '../../src/lock/outcome.ts';
import type { Scope } from '../../src/lock/scope.ts';
import type { Target } from '../../src/lock/target.ts';
import { ManualClock } from '../support/manual-clock.ts';

export const project = 'github.com/acme/app' as ProjectId;

export function agent(name: string): AgentId {
  return name as AgentId;
}

export function lockId(text: string): LockId {
  return text as LockId;
}

/** A target as the command line writes it: `a.ts`, `a.ts:3-9`, `a.ts:3-`, `a.ts#function:login`. */
export function target(text: string, inProject = project): Target {
  const symbol = /^(.*)#(function|class|method|module):(.+)$/.exec(text);
  const lines = /^(.*):(\d+)-(\d*)$/.exec(text);
  const path = symbol?.[1] ?? lines?.[1] ?? text;
  let scope: Scope = { kind: 'file' };
  if (symbol) scope = { kind: 'symbol', symbol: symbol[2] as 'function', name: symbol[3] ?? '' };
  if (lines) scope = { kind: 'lines', start: Number(lines[2]), end: lines[3] ? Number(lines[3]) : -1 };
  return { project: inProject, path: path as RepoPath, scope };
}

export function claim(who: string, texts: string | readonly string[], more: Partial<Claim> = {}): Claim {
  return {
    agent: agent(who),
    targets: [texts].flat().map((text) => target(text)),
    mode: 'exclusive',
    intention: `${who} works`,
    ttlMs: 1000,
    priority: 0,
    ...more,
  };
}

export interface Fixture {
  readonly table: LockTable;
  readonly clock: ManualClock;
  readonly fences: FenceSource;
  readonly transitions: LockTransition[];
  /** What waits were settled with, oldest first: `alice granted L2`, `bob denied timeout`. */
  readonly settled: string[];
  acquire(who: string, texts: string | readonly string[], more?: Partial<Claim>): Grant | Denial;
  /** @throws when the claim is denied. */
  granted(who: string, texts: string | readonly string[], more?: Partial<Claim>): Grant;
  wait(
    who: string,
    texts: string | readonly string[],
    waitMs?: number,
    more?: Partial<Claim>,
  ): Grant | Denial | Waiting;
}

export function createFixture(
  options: LockOptions = {},
  block = { startFloor: 1, reservedUntil: 1e9 },
): Fixture {
  const clock = new ManualClock();
  const fences = new FenceSource(block);
  const transitions: LockTransition[] = [];
  const settled: string[] = [];
  let ids = 0;
  const table = new LockTable(
    {
      clock,
      fences,
      newLockId: () => {
        ids += 1;
        return lockId(`L${ids}`);
      },
      onTransition: (transition) => transitions.push(transition),
    },
    { ratePerSecond: 1e6, rateBurst: 1e6, ...options },
  );
  const acquire = (who: string, texts: string | readonly string[], more?: Partial<Claim>) =>
    table.acquire(claim(who, texts, more));
  return {
    table,
    clock,
    fences,
    transitions,
    settled,
    acquire,
    granted: (who, texts, more) => {
      const outcome = acquire(who, texts, more);
      if (outcome.outcome !== 'granted') throw new Error(`denied: ${outcome.reason}`);
      return outcome;
    },
    wait: (who, texts, waitMs = 10_000, more = {}) =>
      table.acquireOrWait(claim(who, texts, more), waitMs, (outcome) => {
        const what = outcome.outcome === 'granted' ? outcome.lock.id : outcome.reason;
        settled.push(`${who} ${outcome.outcome} ${what}`);
      }),
  };
}

export function denialOf(outcome: Grant | Denial | Waiting): Denial {
  if (outcome.outcome !== 'denied') throw new Error(`not denied but ${outcome.outcome}`);
  return outcome;
}

export function waitingOf(outcome: Grant | Denial | Waiting): Waiting {
  if (outcome.outcome !== 'waiting') throw new Error(`not waiting but ${outcome.outcome}`);
  return outcome;
}
