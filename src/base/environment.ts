/** The only file that reads `process.env`. Each variable is named once, with what it decides. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The data directory: `AGENT_COLLAB_HOME`, else `~/.agent-collab`. */
export function homeDirectory(): string {
  return process.env.AGENT_COLLAB_HOME || join(homedir(), '.agent-collab');
}

/** `AGENT_COLLAB_NO_AUTOSTART=1`: a client command must not start a daemon. */
export function autostartAllowed(): boolean {
  return process.env.AGENT_COLLAB_NO_AUTOSTART !== '1';
}

/** Keys and hosts of services that make embeddings, by the names that those services use: see `chooseEmbeddings`. */
export function embeddingEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** The variables of OpenTelemetry (`OTEL_*`): see `otlpSettings`. Its packages read the same. */
export function otlpEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** `TRACEPARENT` and `TRACESTATE`: the trace that a command is run in, as OpenTelemetry hands it to child processes. */
export function traceFromEnvironment(): { readonly traceparent?: string; readonly tracestate?: string } {
  const { TRACEPARENT, TRACESTATE } = process.env;
  return {
    ...(TRACEPARENT ? { traceparent: TRACEPARENT } : {}),
    ...(TRACESTATE ? { tracestate: TRACESTATE } : {}),
  };
}

/** Those that are set of the variables that decide something here, by name; never their values. */
export function ownVariablesSet(): readonly string[] {
  const others = [
    'NO_COLOR',
    'NODE_OPTIONS',
    'OPENAI_API_KEY',
    'VOYAGE_API_KEY',
    'GEMINI_API_KEY',
    'GOOGLE_API_KEY',
  ];
  return Object.keys(process.env)
    .filter((name) => /^(?:AGENT_COLLAB|OTEL)_/.test(name) || others.includes(name))
    .sort();
}

/** The values of the variables whose names are wanted: secrets that must not get into a log. */
export function valuesOfVariables(isWanted: (name: string) => boolean): readonly string[] {
  return Object.entries(process.env).flatMap(([name, value]) =>
    value !== undefined && isWanted(name) ? [value] : [],
  );
}

/** `NO_COLOR`, of any non-empty value, turns colour off (no-color.org). */
export function colourWanted(): boolean {
  return !process.env.NO_COLOR;
}

/**
 * The agent behind a shell command when no `--agent` is given: `AGENT_COLLAB_AGENT`, else the session of the
 * harness that runs the shell, else undefined and the caller falls back to the user and terminal.
 */
export function agentFromEnvironment(): string | undefined {
  if (process.env.AGENT_COLLAB_AGENT) return process.env.AGENT_COLLAB_AGENT;
  for (const [variable, harness] of harnessSessions) {
    const session = process.env[variable];
    if (session) return `${harness}:${session}`;
  }
  return undefined;
}

const harnessSessions = [
  ['CLAUDE_CODE_SESSION_ID', 'claude'],
  ['CLAUDE_SESSION_ID', 'claude'],
  ['CODEX_SESSION_ID', 'codex'],
  ['CODEX_THREAD_ID', 'codex'],
  ['CURSOR_SESSION_ID', 'cursor'],
  ['GEMINI_SESSION_ID', 'gemini'],
] as const;

/** Where the settings of agent clients are. */
export function userHome(): string {
  return homedir();
}

/** The file that a shell would run for a plain name, from `PATH`. */
export function findOnPath(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** The shell of the user's login, as a path: `SHELL`. The one that is running may be another. */
export function loginShell(): string | undefined {
  return process.env.SHELL || undefined;
}

/** `AGENT_COLLAB_COMPLETION_MS`: how long a shell that completes a word waits for the daemon; for machines that are slow. */
export function completionWaitMs(): number | undefined {
  const text = process.env.AGENT_COLLAB_COMPLETION_MS ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

/** What node itself was started with, so that a program run from its sources can be started again. */
export function ownArguments(): readonly string[] {
  return process.execArgv;
}

/**
 * Whether a browser that is started here shows where the person is: not over SSH (`SSH_CONNECTION`), in CI (`CI`), or on a Linux
 * without a display (`DISPLAY`, `WAYLAND_DISPLAY`).
 */
export function canOpenBrowser(): boolean {
  const { SSH_CONNECTION, CI, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (SSH_CONNECTION || CI) return false;
  return process.platform !== 'linux' || Boolean(DISPLAY || WAYLAND_DISPLAY);
}

/** The terminal's own session, to tell apart two shells of one user: `TERM_SESSION_ID`, `TMUX_PANE` or `SSH_TTY`. */
export function terminalSession(): string | undefined {
  return process.env.TERM_SESSION_ID || process.env.TMUX_PANE || process.env.SSH_TTY || undefined;
}

/** `AGENT_COLLAB_FAILPOINTS`: for crash tests alone, see failpoint.ts. */
export function armedFailpoints(): string | undefined {
  return process.env.AGENT_COLLAB_FAILPOINTS;
}

/** The environment that a child process of ours gets: everything, plus `changes`. */
export function childEnvironment(changes: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...changes };
}
