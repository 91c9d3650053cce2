/** Options that several commands share, so that one flag means and says the same everywhere. */
import type { OptionSpec } from './command-spec.ts';

/** Every command takes it. */
export const jsonOption = {
  kind: 'flag',
  summary: 'print one JSON document instead of text',
} as const satisfies OptionSpec;

export const agentOption = {
  kind: 'text',
  summary: 'act as this agent (else AGENT_COLLAB_AGENT, the session, or user and terminal)',
  completes: 'agent',
} as const satisfies OptionSpec;

export const ttlOption = {
  kind: 'duration',
  summary: 'how long the lease lasts without renewal, at most 1h',
} as const satisfies OptionSpec;

export const fenceOption = {
  kind: 'count',
  summary: 'the fence that came with the lock; refused when it is not the newest',
} as const satisfies OptionSpec;

export const pathOption = {
  kind: 'text',
  summary: 'only what concerns this path',
  completes: 'path',
} as const satisfies OptionSpec;

export const limitOption = {
  kind: 'count',
  summary: 'at most so many, newest first',
} as const satisfies OptionSpec;

export const allOption = {
  kind: 'flag',
  summary: 'of all projects, not only the one of this directory',
} as const satisfies OptionSpec;

export const followOption = {
  kind: 'flag',
  summary: 'keep running and show what happens; oldest first, one JSON document a line with --json',
} as const satisfies OptionSpec;

export const memoryOption = {
  kind: 'flag',
  summary: 'keep everything in memory: nothing survives the end of the daemon',
} as const satisfies OptionSpec;

export const portOption = {
  kind: 'port',
  summary: 'listen on this port of 127.0.0.1 (else the configured one)',
} as const satisfies OptionSpec;

/** What `lock` commands say of the argument that `lock acquire` printed. */
export const lockId = {
  count: 'one',
  summary: 'the id that `lock acquire` or `lock list` shows',
  completes: 'lock',
} as const;
