/** The agents that are about: those that hold or wait, on whichever node, and those that this node heard of lately. */
import type { AgentId } from '../base/ids.ts';
import type { AgentView } from '../control/overview-views.ts';
import type { Elsewhere, Lock, WaitingClaim } from '../lock/lock.ts';
import type { Sightings } from './sightings.ts';

/** An agent that has no claim is about for so long after its last sign of life. */
const aboutForMs = 3_600_000;

interface Tally extends Elsewhere {
  readonly agent: AgentId;
  name: string | undefined;
  readonly projects: Set<string>;
  held: number;
  waiting: number;
  /** Of its newest claim. */
  intention: string | undefined;
  claimedAtMs: number;
}

/** Those with claims first, then by their last sign of life, the newest first. */
export function listAgents(
  locks: readonly Lock[],
  waiters: readonly WaitingClaim[],
  sightings: Sightings,
): readonly AgentView[] {
  const tallies = new Map<string, Tally>();
  for (const lock of locks) {
    const tally = tallyOf(tallies, lock.holder, lock.holderName, lock);
    tally.held += 1;
    addClaim(tally, lock, lock.acquiredAtMs);
  }
  for (const waiter of waiters) {
    const tally = tallyOf(tallies, waiter.agent, waiter.agentName, waiter);
    tally.waiting += 1;
    addClaim(tally, waiter, waiter.waitingSinceMs);
  }
  for (const { agent, name } of sightings.lately(aboutForMs)) tallyOf(tallies, agent, name, {});
  const lastMs = ({ agent, node }: Tally) => (node === undefined ? sightings.get(agent)?.lastMs : undefined);
  const isBusy = ({ held, waiting }: Tally) => Number(held + waiting > 0);
  return [...tallies.values()]
    .sort((a, b) => isBusy(b) - isBusy(a) || (lastMs(b) ?? 0) - (lastMs(a) ?? 0))
    .map((tally) => agentView(tally, lastMs(tally)));
}

/** Agents of two nodes are two agents also when they go by one name. */
function tallyOf(
  tallies: Map<string, Tally>,
  agent: AgentId,
  name: string | undefined,
  { node, nodeName }: Elsewhere,
): Tally {
  const key = `${node ?? ''}\0${agent}`;
  const tally = tallies.get(key) ?? {
    agent,
    name,
    ...(node === undefined ? {} : { node }),
    ...(nodeName === undefined ? {} : { nodeName }),
    projects: new Set<string>(),
    held: 0,
    waiting: 0,
    intention: undefined,
    claimedAtMs: Number.NEGATIVE_INFINITY,
  };
  tally.name ??= name;
  tallies.set(key, tally);
  return tally;
}

function addClaim(tally: Tally, { targets, intention }: Lock | WaitingClaim, atMs: number): void {
  for (const { project } of targets) tally.projects.add(project);
  if (atMs < tally.claimedAtMs) return;
  tally.intention = intention;
  tally.claimedAtMs = atMs;
}

function agentView(tally: Tally, lastMs: number | undefined): AgentView {
  const { agent, name, node, nodeName, projects, held, waiting, intention } = tally;
  return {
    agent,
    ...(name === undefined ? {} : { name }),
    ...(node === undefined ? {} : { node }),
    ...(nodeName === undefined ? {} : { nodeName }),
    projects: [...projects].sort(),
    held,
    waiting,
    ...(intention === undefined ? {} : { intention }),
    lastSeen: lastMs === undefined ? null : new Date(lastMs).toISOString(),
  };
}
