/** One picture of `watch`: a function of what is known, what is chosen and how large the terminal is. */
import { counted } from '../../base/counted.ts';
import type { OverviewView } from '../../control/overview-views.ts';
import { labelled } from '../labelled.ts';
import { oneLine, type Screen } from '../screen.ts';
import { clockTime } from '../show-time.ts';
import { displayWidth } from '../wrap-text.ts';
import { panels } from './watch-panels.ts';
import { keyHelp, panelNames, type WatchState } from './watch-state.ts';

export interface Frame {
  /** Undefined before the first. */
  readonly view: OverviewView | undefined;
  /** Why nothing new comes, if so. */
  readonly trouble: string | undefined;
  readonly state: WatchState;
  readonly screen: Screen;
  readonly height: number;
  readonly nowMs: number;
}

/** Warnings beyond these are in `status`. */
const maxWarnings = 3;
/** Head, totals, tabs and foot. */
const fixedLines = 4;

/** @returns at most `height` lines. */
export async function drawFrame(frame: Frame): Promise<readonly string[]> {
  const { view, state, screen, height } = frame;
  const foot = footLine(frame);
  if (view === undefined) return [headLine(frame), ...filled([], height - 2), foot];
  const warnings = warningLines(view, screen);
  const room = Math.max(1, height - fixedLines - warnings.length);
  const body = state.showsKeys ? labelled(keyHelp, screen).split('\n') : await drawPanel(view, frame, room);
  return [
    headLine(frame),
    totalsLine(view, screen),
    ...warnings,
    tabLine(view, state, screen),
    ...filled(body, room),
    foot,
  ].slice(0, height);
}

async function drawPanel(view: OverviewView, frame: Frame, height: number): Promise<readonly string[]> {
  const { state, screen, nowMs } = frame;
  const { filter, scroll } = state;
  return (await panels[state.panel].draw(view, { screen, nowMs, filter, skip: scroll, height })).lines;
}

function headLine({ view, trouble, state, screen, nowMs }: Frame): string {
  const name = view?.status.cluster?.name ?? view?.status.node.slice(-8) ?? '';
  const where = name === '' ? '' : `  ${oneLine(name, 40)}`;
  const head = screen.paint('bold', `agent-collab${where}`);
  if (trouble !== undefined) return `${head}  ${screen.paint('red', `○ ${oneLine(trouble, 200)}`)}`;
  if (view === undefined) return `${head}  ○ asking the daemon`;
  if (state.isPaused) {
    return `${head}  ${screen.paint('yellow', `‖ paused at ${clockTime(Date.parse(view.at), nowMs)}`)}`;
  }
  return `${head}  ${screen.paint('green', '● live')}`;
}

function totalsLine({ status, agents }: OverviewView, screen: Screen): string {
  const { locks, deltas, violations, cluster } = status;
  const parts = [
    `${locks.held} held`,
    `${locks.waiting} waiting`,
    `${counted(agents.total, 'agent')}`,
    `${counted(deltas.count, 'delta')}`,
    ...(cluster === null ? [] : [`${cluster.connected} of ${cluster.members - 1} peers connected`]),
  ];
  const violated = violations.count === 0 ? '' : `${violations.count} violations · `;
  while (displayWidth(violated + parts.join(' · ')) > screen.width && parts.length > 1) parts.pop();
  return screen.paint('red', violated) + parts.join(' · ');
}

function warningLines({ status }: OverviewView, screen: Screen): readonly string[] {
  const { readOnly, locks, warnings } = status;
  const lines = [
    ...(readOnly === null ? [] : [screen.paint('red', `read-only: ${oneLine(readOnly.reason, 200)}`)]),
    ...(locks.agreement?.majority === false
      ? [
          screen.paint(
            'red',
            `no majority: ${locks.agreement.reachable} of ${locks.agreement.members} members can be reached`,
          ),
        ]
      : []),
    ...warnings.map((warning) => `${screen.paint('yellow', 'warning:')} ${oneLine(warning, 200)}`),
  ];
  const more = lines.length - maxWarnings;
  return more <= 0
    ? lines
    : [...lines.slice(0, maxWarnings - 1), `and ${more + 1} more: agent-collab status`];
}

/** As many as fit, the chosen one among them. */
function tabLine(view: OverviewView, { panel }: WatchState, screen: Screen): string {
  const tabs = panelNames.map((name, at) => {
    const count = panels[name].count(view);
    const text = `${at + 1} ${name}${count === undefined ? '' : ` ${count}`}`;
    return { name, text: name === panel ? `[${text}]` : text };
  });
  const widthOf = (some: typeof tabs) => some.reduce((sum, { text }) => sum + displayWidth(text) + 2, -2);
  let shown = tabs;
  while (widthOf(shown) > screen.width && shown.length > 1) {
    // From the end, until the chosen one is the last.
    shown = shown.at(-1)?.name === panel ? shown.slice(1) : shown.slice(0, -1);
  }
  return shown.map(({ name, text }) => screen.paint(name === panel ? 'bold' : 'dim', text)).join('  ');
}

function footLine({ state, screen }: Frame): string {
  if (state.isTyping) return `/${state.filter}▏  Enter keeps it, Esc ends it`;
  const filter = state.filter === '' ? '' : `  only: ${oneLine(state.filter, 40)} (Esc)`;
  return `${screen.paint('dim', '↑↓ scroll  ←→ panel  / filter  p pause  ? keys  q quit')}${filter}`;
}

function filled(lines: readonly string[], height: number): readonly string[] {
  return [...lines, ...new Array<string>(Math.max(0, height - lines.length)).fill('')].slice(
    0,
    Math.max(0, height),
  );
}
