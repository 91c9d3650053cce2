import type {
  AgentView,
  Excerpt,
  HotSpotView,
  OverviewView,
  TimelineEntryView,
  WaitView,
} from '../control/overview-views.ts';
import type { LockView } from '../control/results.ts';
import { agentKey } from './agent-key.ts';

export interface OverviewFilter {
  /** Empty: all. */
  readonly project: string;
  /** Part of the name or id of an agent, or of a path; in any case. Empty: all. */
  readonly text: string;
}

export const noFilter: OverviewFilter = { project: '', text: '' };

export function isFiltering({ project, text }: OverviewFilter): boolean {
  return project !== '' || text.trim() !== '';
}

/** The overview of what agents do, as far as it is asked for. What concerns the node as a whole stays as it is. */
export function filterOverview(view: OverviewView, filter: OverviewFilter): OverviewView {
  if (!isFiltering(filter)) return view;
  const { project } = filter;
  const text = filter.text.trim().toLowerCase();
  const has = (...values: readonly (string | undefined)[]) =>
    text === '' || values.some((value) => value?.toLowerCase().includes(text));
  const isOf = (projects: readonly (string | undefined)[]) => project === '' || projects.includes(project);
  const isAt = agentsAtPath(view, has);
  return {
    ...view,
    agents: keepIn(
      view.agents,
      (it: AgentView) => isOf(it.projects) && (has(it.agent, it.name, it.node, it.nodeName) || isAt(it)),
    ),
    locks: keepIn(
      view.locks,
      (it: LockView) =>
        isOf([it.project]) && has(it.holder, it.holderName, ...it.targets.map((target) => target.text)),
    ),
    waiters: keepIn(
      view.waiters,
      (it: WaitView) =>
        isOf([it.project]) &&
        has(
          it.agent,
          it.agentName,
          ...it.targets.map((target) => target.text),
          ...it.blockedBy.flatMap((blocker) => [blocker.agent, blocker.agentName, blocker.target]),
        ),
    ),
    hotSpots: view.hotSpots.filter((it: HotSpotView) => isOf([it.project]) && has(it.path)),
    timeline: view.timeline.filter(
      (it: TimelineEntryView) => isOf([it.project]) && has(it.agent, ...it.targets),
    ),
  };
}

/** All that something on the page is of, in order. */
export function projectsIn(view: OverviewView): readonly string[] {
  const named = [
    ...view.locks.shown.map((it) => it.project),
    ...view.waiters.shown.map((it) => it.project),
    ...view.agents.shown.flatMap((it) => it.projects),
    ...view.hotSpots.map((it) => it.project),
    ...view.timeline.flatMap((it) => it.project ?? []),
  ];
  return [...new Set(named)].sort();
}

/** Whether an agent holds, or waits for, what is asked for. */
function agentsAtPath(
  { locks, waiters }: OverviewView,
  has: (...values: readonly string[]) => boolean,
): (agent: AgentView) => boolean {
  const hasTarget = ({ targets }: LockView | WaitView) => has(...targets.map(({ text }) => text));
  const found = new Set([
    ...locks.shown.filter(hasTarget).map(({ node, holder }) => agentKey({ node, agent: holder })),
    ...waiters.shown.filter(hasTarget).map(agentKey),
  ]);
  return (agent) => found.has(agentKey(agent));
}

function keepIn<T>({ shown, total }: Excerpt<T>, wanted: (item: T) => boolean): Excerpt<T> {
  return { shown: shown.filter(wanted), total };
}
