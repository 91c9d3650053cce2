import type { WireError } from '../base/errors.ts';

/**
 * What a daemon in the background sends to the command that started it, over Node's channel between parent and child: what it is
 * doing, as often as it likes; and then, once, that it serves, or why it does not. After that either side closes the channel.
 */
export type ChildMessage =
  | { readonly kind: 'working'; readonly what: string }
  | { readonly kind: 'ready'; readonly pid: number; readonly summary: readonly string[] }
  | { readonly kind: 'failed'; readonly error: WireError };

export function isChildMessage(value: unknown): value is ChildMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { kind } = value as { kind?: unknown };
  return kind === 'working' || kind === 'ready' || kind === 'failed';
}
