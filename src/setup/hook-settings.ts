/** The hooks that a client is given, in the form that Claude Code and Codex share. */
import { parseSettings, valueAt, withItem, without, withValue } from './json-settings.ts';

export interface HookEntry {
  readonly event: string;
  /** Which tools; undefined for moments that have none. */
  readonly matcher?: string;
  readonly hook: Readonly<Record<string, unknown>>;
}

/** Tools that write, run programs, read, or are our own: all that the daemon wants to hear of. */
const claudeTools = 'Edit|Write|MultiEdit|NotebookEdit|Bash|Read|mcp__.*agent[-_]collab.*';
const codexTools = 'Bash|apply_patch|Edit|Write|mcp__.*agent[-_]collab.*';

/** What a person should be made to wait at most, in seconds. */
const timeoutS = 15;

export interface HookTransport {
  /** A whole command line for a shell, of fixed words; the client's name goes behind it. */
  readonly command: string;
  /** Where the client can speak HTTP. */
  readonly http?: { readonly url: string; readonly token: string; readonly blocks: boolean };
}

export function claudeHooks({ command, http }: HookTransport): readonly HookEntry[] {
  const run = { type: 'command', command: `${command} claude`, timeout: timeoutS };
  const tell =
    http === undefined
      ? run
      : {
          type: 'http',
          url: http.url,
          headers: { Authorization: `Bearer ${http.token}` },
          timeout: timeoutS,
          ...(http.blocks ? { onFailure: 'block' } : {}),
        };
  return [
    // A command, since it starts the daemon that the others speak to.
    { event: 'SessionStart', hook: run },
    { event: 'SessionEnd', hook: run },
    { event: 'PreToolUse', matcher: claudeTools, hook: tell },
    { event: 'PostToolUse', matcher: claudeTools, hook: tell },
    { event: 'PostToolUseFailure', matcher: claudeTools, hook: tell },
    { event: 'UserPromptSubmit', hook: tell },
    { event: 'SubagentStop', hook: tell },
  ];
}

export function codexHooks({ command }: HookTransport): readonly HookEntry[] {
  const hook = { type: 'command', command: `${command} codex`, timeout: timeoutS };
  return [
    { event: 'SessionStart', hook },
    { event: 'PreToolUse', matcher: codexTools, hook },
    { event: 'PostToolUse', matcher: codexTools, hook },
    { event: 'UserPromptSubmit', hook },
    { event: 'SubagentStop', hook },
    { event: 'Stop', hook },
  ];
}

/** Puts our groups in the place of earlier ones of ours; everybody else's stay. None: takes ours out. */
export function withHooks(file: string, text: string, entries: readonly HookEntry[]): string {
  let changed = text;
  const events = new Set([...entries.map(({ event }) => event), ...Object.keys(hooksIn(file, text))]);
  for (const event of events) {
    const entry = entries.find((one) => one.event === event);
    const path = ['hooks', event];
    const own = ownGroups(file, changed, event);
    // From the end, so that the places before stay what they are.
    for (const at of own.slice(entry === undefined ? 0 : 1).reverse())
      changed = without(changed, [...path, at]);
    if (entry === undefined) continue;
    const { matcher, hook } = entry;
    const group = { ...(matcher === undefined ? {} : { matcher }), hooks: [hook] };
    const [first] = own;
    changed =
      first === undefined ? withItem(changed, path, group) : withValue(changed, [...path, first], group);
  }
  return changed;
}

function ownGroups(file: string, text: string, event: string): readonly number[] {
  const groups = hooksIn(file, text)[event];
  if (!Array.isArray(groups)) return [];
  return groups.flatMap((group, at) => (isOwn(group) ? [at] : []));
}

function hooksIn(file: string, text: string): Readonly<Record<string, unknown>> {
  const hooks = valueAt(parseSettings(file, text), ['hooks']);
  return typeof hooks === 'object' && hooks !== null ? (hooks as Readonly<Record<string, unknown>>) : {};
}

/** Ours, of whatever version: all hooks of a group that we made are ours. */
function isOwn(group: unknown): boolean {
  const hooks = valueAt(group, ['hooks']);
  return (
    Array.isArray(hooks) &&
    hooks.length > 0 &&
    hooks.every((hook) => {
      const { command, url } = hook as { readonly command?: unknown; readonly url?: unknown };
      const isCommand =
        typeof command === 'string' && /(agent-collab|cli\/main\.[jt]s)'? hook \w+$/.test(command);
      return isCommand || (typeof url === 'string' && /\/v1\/hook\/\w+$/.test(url));
    })
  );
}
