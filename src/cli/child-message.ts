import type { WireError } from '../base/errors.ts';

/**
 * The one message that a daemon in the background sends to the command that started it, over Node's channel between
 * parent and child: it serves, or why it does not. Then either side closes the channel.
 */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'failed'; readonly error: WireError };

export function isChildMessage(value: unknown): value is ChildMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { kind } = value as { kind?: unknown };
  return kind === 'ready' || kind === 'failed';
}
