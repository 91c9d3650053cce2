/** Where agents got in each other's way lately: counted in two windows of which the older one is dropped whole, so that nothing has to be swept. */
import type { Clock } from '../base/clock.ts';
import type { AgentId, ProjectId, RepoPath } from '../base/ids.ts';
import type { DenialReason, LockTransition } from '../lock/outcome.ts';
import type { Target } from '../lock/target.ts';

export interface HotSpot {
  readonly project: ProjectId;
  readonly path: RepoPath;
  readonly denied: number;
  readonly waited: number;
  /** Grants since it was first in somebody's way. */
  readonly granted: number;
  readonly agents: number;
}

interface Count {
  denied: number;
  waited: number;
  granted: number;
  readonly agents: Set<AgentId>;
}

type Window = Map<string, Count>;

const windowMs = 30 * 60_000;
/** Of a window; what is denied beyond that is not counted. With their agents some 4 MB at most. */
const maxPaths = 2000;
const maxAgents = 50;
/** Of one claim. */
const maxTargets = 16;

/** The other reasons say nothing about the path. */
const inTheWay: ReadonlySet<DenialReason> = new Set(['held', 'queued', 'timeout', 'deadlock']);

export class HotSpots {
  readonly #clock: Clock;
  #current: Window = new Map();
  #former: Window = new Map();
  #beganMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
  }

  /** Called from inside the lock table: quick, and never throws. */
  note(transition: LockTransition): void {
    switch (transition.action) {
      case 'acquired': {
        // The way of every lock: without trouble on record nothing is counted.
        if (this.#current.size === 0) return;
        const { lock } = transition;
        for (const target of lock.targets.slice(0, maxTargets)) {
          const count = this.#current.get(keyOf(target));
          if (count === undefined) continue;
          count.granted += 1;
          addAgent(count, lock.holder);
        }
        return;
      }
      case 'waited':
        this.#count(transition.claim, 'waited');
        return;
      case 'denied':
        if (inTheWay.has(transition.denial.reason)) this.#count(transition.claim, 'denied');
    }
  }

  /** The worst first: a denial weighs as a wait does. */
  worst(limit: number): readonly HotSpot[] {
    this.#turn();
    const keys = new Set([...this.#current.keys(), ...this.#former.keys()]);
    return [...keys]
      .map((key) => hotSpotOf(key, this.#current.get(key), this.#former.get(key)))
      .sort((a, b) => b.denied + b.waited - a.denied - a.waited || (a.path < b.path ? -1 : 1))
      .slice(0, limit);
  }

  #count(
    { agent, targets }: { readonly agent: AgentId; readonly targets: readonly Target[] },
    what: 'denied' | 'waited',
  ): void {
    this.#turn();
    for (const target of targets.slice(0, maxTargets)) {
      const key = keyOf(target);
      const count = this.#current.get(key) ?? { denied: 0, waited: 0, granted: 0, agents: new Set() };
      if (count.denied + count.waited === 0) {
        if (this.#current.size >= maxPaths) continue;
        this.#current.set(key, count);
      }
      count[what] += 1;
      addAgent(count, agent);
    }
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs();
    const past = Math.floor((nowMs - this.#beganMs) / windowMs);
    if (past < 1) return;
    this.#former = past === 1 ? this.#current : new Map();
    this.#current = new Map();
    this.#beganMs += past * windowMs;
  }
}

function keyOf({ project, path }: Target): string {
  return `${project}\0${path}`;
}

function addAgent({ agents }: Count, agent: AgentId): void {
  if (agents.size < maxAgents) agents.add(agent);
}

function hotSpotOf(key: string, current: Count | undefined, former: Count | undefined): HotSpot {
  const [project = '', path = ''] = key.split('\0');
  const sum = (of: 'denied' | 'waited' | 'granted') => (current?.[of] ?? 0) + (former?.[of] ?? 0);
  return {
    project: project as ProjectId,
    path: path as RepoPath,
    denied: sum('denied'),
    waited: sum('waited'),
    granted: sum('granted'),
    agents: new Set([...(current?.agents ?? []), ...(former?.agents ?? [])]).size,
  };
}
