/** What becomes of keys and tokens in what an agent is about to put into the log: `context.secrets`. */
import { CollabError } from '../base/errors.ts';
import { maxPayloadDepth } from '../base/limits.ts';
import { findSecrets, redact, type Secret, secretUnder } from '../delta/find-secrets.ts';
import type { Config } from '../home/config.ts';

export type SecretPolicy = Config['context']['secrets'];

/** Never the secret itself. */
interface Place {
  readonly kind: string;
  /** Such as `content`, `tags`, `metadata.build`. */
  readonly field: string;
  /** Of the text of the field, from 1. */
  readonly line: number;
}

/** Places that a refusal lists. */
const maxPlaces = 50;

/**
 * The same tree with a word for each secret in its texts, also where the name of an entry shows what its text is.
 * @throws SECRET_REFUSED when that is the policy and there is one.
 */
export function screenSecrets<T extends Readonly<Record<string, unknown>>>(
  tree: T,
  policy: SecretPolicy,
): { readonly screened: T; readonly redacted: readonly { readonly kind: string; readonly count: number }[] } {
  if (policy === 'allow') return { screened: tree, redacted: [] };
  const places: Place[] = [];
  // Only texts change, so the shape stays.
  const screened = screenEntries(tree, '', places, 0) as T;
  if (policy === 'refuse' && places.length > 0) throw refused(places);
  return { screened, redacted: countKinds(places) };
}

/** What is nested deeper than a payload may be is refused where the delta is made. */
function screenValue(value: unknown, name: string, field: string, places: Place[], depth: number): unknown {
  if (typeof value === 'string') return screenText(value, name, field, places);
  if (typeof value !== 'object' || value === null || depth > maxPayloadDepth) return value;
  if (Array.isArray(value))
    return value.map((one: unknown) => screenValue(one, name, field, places, depth + 1));
  return screenEntries(value, field, places, depth + 1);
}

function screenEntries(
  tree: object,
  field: string,
  places: Place[],
  depth: number,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(tree).map(([name, value]) => {
    const shown = screenText(name, '', field, places);
    const below = field === '' ? shown : `${field}.${shown}`;
    return [shown, screenValue(value, name, below.slice(0, 200), places, depth)] as const;
  });
  return Object.fromEntries(entries);
}

function screenText(text: string, name: string, field: string, places: Place[]): string {
  const secrets = secretsOf(text, name);
  let [line, counted] = [1, 0];
  for (const { kind, start } of secrets) {
    for (let at = text.indexOf('\n', counted); at !== -1 && at < start; at = text.indexOf('\n', counted)) {
      line += 1;
      counted = at + 1;
    }
    places.push({ kind, field, line });
  }
  return redact(text, secrets);
}

function secretsOf(text: string, name: string): readonly Secret[] {
  const found = findSecrets(text);
  if (found.length > 0) return found;
  const kind = secretUnder(name, text);
  return kind === undefined ? [] : [{ kind, start: 0, end: text.length }];
}

function countKinds(places: readonly Place[]) {
  const counts = new Map<string, number>();
  for (const { kind } of places) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => ({ kind, count }));
}

function refused(places: readonly Place[]): CollabError {
  const [first] = places;
  const more = places.length === 1 ? '' : `, and ${places.length - 1} more`;
  return new CollabError(
    'SECRET_REFUSED',
    `there is a secret in what is to be shared: ${first?.kind} in ${first?.field}, line ${first?.line}${more}`,
    {
      next: 'Take it out: what is shared is kept, and copied to every node. To share what stands around it: context.secrets redact.',
      details: { secrets: places.slice(0, maxPlaces), count: places.length },
    },
  );
}
