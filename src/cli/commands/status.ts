import { systemClock } from '../../base/clock.ts';
import { counted } from '../../base/counted.ts';
import { formatDuration } from '../../base/duration.ts';
import type { LaneView, StatusView } from '../../control/results.ts';
import type { CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { oneLine, printable, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';

export const status: CommandRun<'status' | 'daemon status'> = async (_args, { daemon, cwd }) => {
  const { data, notices } = await daemon.call('status', { cwd });
  return { data, notices, text: (screen) => statusText(data, screen) };
};

export function statusText(view: StatusView, screen: Screen): string {
  const nowMs = systemClock.wallMs();
  const { locks, deltas, audit } = view;
  const lines: [string, string | undefined][] = [
    ['daemon', `${view.version}, pid ${view.pid}, up ${formatDuration(nowMs - Date.parse(view.startedAt))}`],
    ['home', view.home],
    ['serves', `${view.socket ?? 'no socket'}, http://127.0.0.1:${view.port}`],
    ['node', view.node],
    ['project', view.project ?? 'none (this directory cannot be read)'],
    ['storage', storageText(view, screen)],
    [
      'locks',
      `${locks.held} held, ${locks.waiting} waiting, ${counted(locks.agents, 'agent')}, newest fence ${locks.fence}`,
    ],
    [
      'log',
      `${counted(deltas.count, 'delta')}; newest ${deltas.head}, committed ${deltas.committed}, flushed ${deltas.flushed}, indexed ${deltas.indexed}`,
    ],
    ['audit', `${counted(audit.count, 'event')}, ${audit.pending} pending${lostText(audit.lost, screen)}`],
    ['violations', violationText(view, screen)],
    ['search', searchText(view)],
    ['lanes', laneText(view.lanes, screen)],
    ['doing', activityText(view)],
    ['cluster', clusterText(view)],
    ['agreement', agreementText(view, screen)],
  ];
  const warnings = view.warnings.map(
    (warning) => `${screen.paint('yellow', 'warning:')} ${printable(warning)}\n`,
  );
  const readOnly =
    view.readOnly === null
      ? ''
      : `${screen.paint('red', 'read-only:')} ${printable(view.readOnly.reason)} (started ${showTime(view.startedAt, nowMs)})\n`;
  return labelled(lines, screen) + readOnly + warnings.join('');
}

function clusterText({ cluster, peers }: StatusView): string {
  if (cluster === null) return 'none: this node works alone';
  const behind = peers.reduce((most, peer) => Math.max(most, peer.behind ?? 0), 0);
  const lag = behind === 0 ? '' : `, ${counted(behind, 'delta')} behind`;
  const { name, members, connected } = cluster;
  return `${printable(name)}: ${counted(members, 'member')}, ${connected} of ${members - 1} others connected${lag}`;
}

function agreementText({ locks: { agreement } }: StatusView, screen: Screen): string | undefined {
  if (agreement === null) return undefined;
  const { members, reachable, majority } = agreement;
  const text = `${reachable} of ${members} members agree on locks`;
  return majority
    ? text
    : screen.paint('red', `no majority: ${reachable} of ${members} members can be reached`);
}

function activityText({ activity }: StatusView): string | undefined {
  if (activity === null) return undefined;
  const { what, done, total } = activity;
  return total <= 0 ? what : `${what}, ${Math.min(100, Math.floor((done / total) * 100))} %`;
}

function storageText(view: StatusView, screen: Screen): string {
  return view.storage === 'memory'
    ? screen.paint('yellow', 'MEMORY ONLY: nothing survives the end of the daemon')
    : `${view.storage}, ${formatBytes(view.store.diskBytes)} on disk`;
}

function searchText({ search }: StatusView): string | undefined {
  if (search === null) return undefined;
  const { model, embedded, entries, problem } = search;
  if (model === null) return `${entries} contexts, by words alone`;
  const why = problem === undefined ? '' : `: ${oneLine(problem)}`;
  return `${entries} contexts, ${embedded} with vectors of ${oneLine(model)}${why}`;
}

function violationText({ violations }: StatusView, screen: Screen): string | undefined {
  const { count, newest } = violations;
  if (newest === null) return undefined;
  return screen.paint('red', `${count} since the start; newest ${newest.at}: ${printable(newest.what)}`);
}

function lostText(lost: number, screen: Screen): string {
  return lost === 0 ? '' : screen.paint('red', `, ${lost} LOST since the start`);
}

function laneText(lanes: StatusView['lanes'], screen: Screen): string {
  const states = Object.entries(lanes).map(([name, lane]) => `${name} ${laneState(lane, screen)}`);
  return states.join(', ');
}

function laneState(lane: LaneView, screen: Screen): string {
  const pending = lane.pendingBytes === 0 ? '' : ` (${formatBytes(lane.pendingBytes)} pending)`;
  const restarts = lane.restarts === 0 ? '' : `, restarted ${lane.restarts} times`;
  const error = lane.error === undefined ? '' : `: ${printable(lane.error.message)}`;
  const state = lane.state === 'running' ? lane.state : screen.paint('red', lane.state);
  return `${state}${pending}${restarts}${error}`;
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  const step = Math.min(byteUnits.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[step] ?? 'B'}`;
}
