/** What the person at `watch` has chosen, and what each key makes of it. */

export const panelNames = [
  'now',
  'leases',
  'waiting',
  'agents',
  'timeline',
  'hot spots',
  'peers',
  'store',
  'usage',
] as const;
export type PanelName = (typeof panelNames)[number];

export interface WatchState {
  readonly panel: PanelName;
  /** Rows of the panel above the screen. */
  readonly scroll: number;
  /** Rows that hold it are shown. */
  readonly filter: string;
  /** Keys go into the filter. */
  readonly isTyping: boolean;
  /** What is shown stays. */
  readonly isPaused: boolean;
  readonly showsKeys: boolean;
}

export const initialState: WatchState = {
  panel: 'now',
  scroll: 0,
  filter: '',
  isTyping: false,
  isPaused: false,
  showsKeys: false,
};

/** As `node:readline` names them. */
export interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly sequence?: string | undefined;
}

const pageRows = 10;
const maxFilterChars = 100;

/** What is shown and does nothing else. */
export const keyHelp: readonly (readonly [string, string])[] = [
  ['1 … 9, Tab, ← →', 'another panel'],
  ['↑ ↓, j k, PgUp PgDn, Home', 'scroll'],
  ['/', 'show only rows that hold a text; Esc ends it'],
  ['p, Space', 'pause: what is shown stays; again to go on'],
  ['?', 'these keys'],
  ['q, Ctrl-C', 'leave'],
];

export function pressKey(state: WatchState, key: Key): WatchState | 'quit' {
  if (key.ctrl === true && key.name === 'c') return 'quit';
  if (state.isTyping) return typeKey(state, key);
  const { sequence = '', name = '' } = key;
  const panel = panelNames[Number(sequence) - 1];
  if (/^[1-9]$/.test(sequence) && panel !== undefined) return toPanel(state, panel);
  switch (name || sequence) {
    case 'q':
      return 'quit';
    case 'escape':
      return { ...state, filter: '', showsKeys: false, scroll: 0 };
    case 'tab':
    case 'right':
      return toPanel(state, panelAfter(state.panel, 1));
    case 'left':
      return toPanel(state, panelAfter(state.panel, -1));
    case 'down':
    case 'j':
      return scrolled(state, 1);
    case 'up':
    case 'k':
      return scrolled(state, -1);
    case 'pagedown':
      return scrolled(state, pageRows);
    case 'pageup':
      return scrolled(state, -pageRows);
    case 'home':
      return { ...state, scroll: 0 };
    case 'p':
    case 'space':
      return { ...state, isPaused: !state.isPaused };
    case '/':
      return { ...state, isTyping: true, showsKeys: false };
    case '?':
      return { ...state, showsKeys: !state.showsKeys };
    default:
      return state;
  }
}

function typeKey(state: WatchState, { name, ctrl, sequence = '' }: Key): WatchState {
  switch (name) {
    case 'escape':
      return { ...state, isTyping: false, filter: '', scroll: 0 };
    case 'return':
    case 'enter':
      return { ...state, isTyping: false };
    case 'backspace':
      return { ...state, filter: [...state.filter].slice(0, -1).join(''), scroll: 0 };
    default: {
      const isText = ctrl !== true && /^[^\p{Cc}]+$/u.test(sequence);
      if (!isText || state.filter.length + sequence.length > maxFilterChars) return state;
      return { ...state, filter: state.filter + sequence, scroll: 0 };
    }
  }
}

function toPanel(state: WatchState, panel: PanelName): WatchState {
  return { ...state, panel, scroll: 0, showsKeys: false };
}

function panelAfter(panel: PanelName, step: number): PanelName {
  const at = panelNames.indexOf(panel) + step + panelNames.length;
  return panelNames[at % panelNames.length] ?? panel;
}

function scrolled(state: WatchState, rows: number): WatchState {
  return { ...state, scroll: Math.max(0, state.scroll + rows) };
}
