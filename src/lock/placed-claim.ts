import type { AgentState } from './agent-roster.ts';
import type { Claim } from './claim.ts';
import type { CompiledTarget } from './target.ts';

/**
 * A claim with its place in the one order of all claims: by `key`, then by arrival. The key is the time of arrival
 * less what the priority is worth, so it never changes. Only claims that arrive within 20 × `ageingMs`
 * (from the lowest to the highest priority) after it can still come ahead of a claim, which is why nobody
 * starves.
 */
export class PlacedClaim {
  readonly agent: AgentState;
  readonly shared: boolean;
  /** Replaced, never changed, when its lines move; `compiled` goes with it. */
  claim: Claim;
  compiled: readonly CompiledTarget[];
  /** Monotonic ms. */
  readonly arrivedMs: number;
  readonly key: number;
  readonly ticket: number;

  constructor(
    agent: AgentState,
    claim: Claim,
    compiled: readonly CompiledTarget[],
    arrivedMs: number,
    ageingMs: number,
    ticket: number,
  ) {
    this.agent = agent;
    this.claim = claim;
    this.shared = claim.mode === 'shared';
    this.compiled = compiled;
    this.arrivedMs = arrivedMs;
    this.key = arrivedMs - claim.priority * ageingMs;
    this.ticket = ticket;
  }
}

export function isAhead(a: PlacedClaim, b: PlacedClaim): boolean {
  return a.key < b.key || (a.key === b.key && a.ticket < b.ticket);
}
