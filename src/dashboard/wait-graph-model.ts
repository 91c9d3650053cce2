import type { BlockerView, WaitView } from '../control/overview-views.ts';
import { agentKey } from './agent-key.ts';

export interface WaitGraphNode {
  readonly id: string;
  readonly name: string;
  /** `both`: it waits, and others wait for it. */
  readonly role: 'holds' | 'waits' | 'both';
}

export interface WaitGraphEdge {
  readonly from: string;
  readonly to: string;
  /** `waiter`: the other one waits as well, and is served first. */
  readonly kind: 'lease' | 'waiter';
  /** The paths and ranges that are waited for. */
  readonly targets: readonly string[];
}

export interface WaitGraph {
  readonly nodes: readonly WaitGraphNode[];
  readonly edges: readonly WaitGraphEdge[];
  /** Waits that found no place. The list has them all. */
  readonly leftOut: number;
}

/** What can be taken in at a glance, and laid out within a frame or two. */
const maxNodes = 32;

export function waitGraph(waits: readonly WaitView[]): WaitGraph {
  const nodes = new Map<string, WaitGraphNode>();
  const edges = new Map<string, WaitGraphEdge & { readonly targets: string[] }>();
  let leftOut = 0;
  for (const wait of waits) {
    const from = agentKey(wait);
    const blockers = drawnBlockers(wait).filter((blocker) => agentKey(blocker) !== from);
    const added = new Set([from, ...blockers.map(agentKey)].filter((key) => !nodes.has(key)));
    if (blockers.length === 0 || nodes.size + added.size > maxNodes) {
      leftOut += 1;
      continue;
    }
    enter(nodes, from, wait.agentName ?? wait.agent, 'waits');
    for (const blocker of blockers) {
      const to = agentKey(blocker);
      enter(nodes, to, blocker.agentName ?? blocker.agent, blocker.kind === 'lease' ? 'holds' : 'waits');
      const key = `${from}\n${to}\n${blocker.kind}`;
      const edge = edges.get(key) ?? { from, to, kind: blocker.kind, targets: [] };
      if (!edge.targets.includes(blocker.target)) edge.targets.push(blocker.target);
      edges.set(key, edge);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], leftOut };
}

/**
 * The leases that are in the way; else the claim that is next before this one. Each of ten that wait in line is blocked by
 * all before it, and 45 arrows would say no more than nine.
 */
function drawnBlockers({ blockedBy }: WaitView): readonly BlockerView[] {
  const leases = blockedBy.filter(({ kind }) => kind === 'lease');
  return leases.length > 0 ? leases : blockedBy.slice(0, 1);
}

function enter(nodes: Map<string, WaitGraphNode>, id: string, name: string, role: 'holds' | 'waits'): void {
  const known = nodes.get(id);
  if (known === undefined) nodes.set(id, { id, name, role });
  else if (known.role !== role && known.role !== 'both') nodes.set(id, { ...known, role: 'both' });
}
