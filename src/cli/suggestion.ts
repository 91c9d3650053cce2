import { closestKey } from '../base/closest-key.ts';
import { CollabError } from '../base/errors.ts';

/**
 * An error that says that there is no such thing, with what was probably meant put before its next step; any other error
 * as it is.
 * @param known what there is. When that cannot be found out, the error is the answer all the same.
 */
export async function withSuggestion(
  error: unknown,
  typed: string,
  known: () => Promise<readonly string[]>,
): Promise<unknown> {
  if (!(error instanceof CollabError) || !isUnknown(error)) return error;
  const names = await known().catch(() => []);
  const close = closestKey(typed, names);
  if (close === undefined || close === typed) return error;
  const rest = error.next === undefined ? '' : ` ${error.next}`;
  return new CollabError(error.code, error.message, {
    next: `Did you mean ${close}?${rest}`,
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}

function isUnknown({ code, details }: CollabError): boolean {
  return code === 'NOT_FOUND' || (code === 'LOCK_NOT_HELD' && details?.reason === 'unknown');
}
