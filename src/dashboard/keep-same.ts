/** By what an element of a list is known again when others come and go before it. */
const identifying = [
  'id',
  'key',
  'node',
  'agent',
  'waitingSince',
  'project',
  'path',
  'kind',
  'target',
  'name',
  'day',
] as const;

/**
 * `next`, in which each part that equals its part of `previous` is that same object. Each snapshot is new from top to
 * bottom; after this, what did not change can be told by identity, and is not drawn again.
 */
export function keepSame<T>(previous: T | undefined, next: T): T {
  return keep(previous, next) as T;
}

function keep(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next) || !isObject(previous) || !isObject(next)) return next;
  if (Array.isArray(next)) return Array.isArray(previous) ? keepList(previous, next) : next;
  return Array.isArray(previous) ? next : keepRecord(previous, next);
}

function keepRecord(previous: Readonly<Record<string, unknown>>, next: Readonly<Record<string, unknown>>) {
  const names = Object.keys(next);
  let isSame = names.length === Object.keys(previous).length;
  const kept: Record<string, unknown> = {};
  for (const name of names) {
    const value = keep(previous[name], next[name]);
    // A name may be anything, `__proto__` included: names of agents and models become keys.
    Object.defineProperty(kept, name, { value, enumerable: true });
    isSame &&= Object.hasOwn(previous, name) && Object.is(value, previous[name]);
  }
  return isSame ? previous : kept;
}

function keepList(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const known = new Map(previous.map((item, at) => [identityOf(item, at), item]));
  const kept = next.map((item, at) => keep(known.get(identityOf(item, at)), item));
  const isSame = kept.length === previous.length && kept.every((item, at) => Object.is(item, previous[at]));
  return isSame ? previous : kept;
}

function identityOf(item: unknown, at: number): unknown {
  if (!isObject(item)) return at;
  const parts = identifying.map((name) => item[name]).filter((value) => typeof value === 'string');
  return parts.length === 0 ? at : parts.join('\0');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
