/** What a client's hook is answered, in the form that Claude Code and Codex share. */
import type { HookEvent } from './hook-event.ts';

/** Text that goes into the model's context is kept below this (SPEC §8, §11). */
const maxContextBytes = 2000;

export type HookAnswer = Readonly<Record<string, unknown>>;

/** Nothing to say: the client goes on as without a hook, its own permissions included. */
export const silentAnswer: HookAnswer = Object.freeze({});

export function denyAnswer(reason: string): HookAnswer {
  return {
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: 'deny',
      permissionDecisionReason: clip(reason),
    },
  };
}

/** Moments whose answer reaches the model. */
const telling: ReadonlySet<string> = new Set([
  'PreToolUse',
  'PostToolUse',
  'SessionStart',
  'SubagentStart',
  'UserPromptSubmit',
]);

/** Tells the model something and decides nothing: an `allow` would skip the client's own questions to its user. */
export function tellAnswer({ name }: Pick<HookEvent, 'name'>, text: string): HookAnswer {
  if (text === '' || !telling.has(name)) return silentAnswer;
  return { hookSpecificOutput: { hookEventName: name, additionalContext: clip(text) } };
}

/** Tells the person at the client. */
export function warnAnswer(text: string): HookAnswer {
  return { systemMessage: clip(text) };
}

/** Cuts at a whole character. */
export function clip(text: string, maxBytes = maxContextBytes): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const mark = ' …';
  const bytes = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(mark));
  return `${bytes.toString('utf8').replace(/\uFFFD+$/, '')}${mark}`;
}
