/** What is left out of the log, and out of what a user sends to somebody else. */
import type { Redaction } from '../base/plain-value.ts';
import { findSecrets, redact } from '../delta/find-secrets.ts';
import type { HomeSecret } from './home-secrets.ts';
import { isSecretName } from './secret-name.ts';

/** No form that is known is shorter, but for a password in a URL. */
const minSecretChars = 16;

/**
 * Three ways, since each misses what another finds: the secrets of this data directory as they are, secrets of others by their forms, and
 * whatever stands under the name of one.
 *
 * @param secrets those that are known now, the longest first.
 * @param onFound told of the kind of each that was left out.
 */
export function createRedaction(
  secrets: () => readonly HomeSecret[],
  onFound: (kind: string) => void = () => {},
): Redaction {
  return {
    hides: (name) => isSecretName(name),
    onHidden: () => onFound('by its name'),
    text: (text) => {
      let shown = text;
      for (const { kind, text: secret } of secrets()) {
        if (!shown.includes(secret)) continue;
        const parts = shown.split(secret);
        for (let at = 1; at < parts.length; at += 1) onFound(kind);
        shown = parts.join(`[redacted: ${kind}]`);
      }
      if (shown.length < minSecretChars && !shown.includes('@')) return shown;
      const found = findSecrets(shown);
      for (const { kind } of found) onFound(kind);
      return redact(shown, found);
    },
  };
}
