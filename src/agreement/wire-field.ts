/**
 * The pieces of a message's form: each writes one value as CBOR has it and reads it back from whatever a peer sent. A record is an
 * array in a fixed order, so that no names travel; a field that is left out is null.
 */
import { CollabError } from '../base/errors.ts';

export interface WireField<T> {
  readonly write: (value: T) => unknown;
  /** @throws INVALID_ARGUMENT for anything that `write` cannot have made. */
  readonly read: (raw: unknown) => T;
}

export function wrongMessage(what: string, cause?: unknown): CollabError {
  return new CollabError('INVALID_ARGUMENT', `a message of a member ${what}`, {
    next: 'Bring all members to the same version.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function checked<T>(name: string, is: (raw: unknown) => boolean): WireField<T> {
  return {
    write: (value) => value,
    read: (raw) => {
      if (!is(raw)) throw wrongMessage(`has no ${name} where one belongs`);
      return raw as T;
    },
  };
}

/** Whole and not negative: epochs, boots, rounds, ballots, fences. */
export function count<T extends number = number>(): WireField<T> {
  return checked('count', (raw) => Number.isSafeInteger(raw) && (raw as number) >= 0);
}

/** Longer than any lease or wait by far. */
const maxDurationMs = 1e9;
export const duration: WireField<number> = checked(
  'duration',
  (raw) => typeof raw === 'number' && raw >= 0 && raw <= maxDurationMs,
);
export const flag: WireField<boolean> = checked('flag', (raw) => typeof raw === 'boolean');

/** 1 to `maxChars` UTF-16 units. */
export function text<T extends string = string>(maxChars: number): WireField<T> {
  return checked('text', (raw) => typeof raw === 'string' && raw !== '' && raw.length <= maxChars);
}

/** By its place, so the list only grows at its end. */
export function oneOf<T extends string>(names: readonly T[]): WireField<T> {
  return {
    write: (value) => names.indexOf(value),
    read: (raw) => {
      const name = Number.isInteger(raw) ? names[raw as number] : undefined;
      if (name === undefined) throw wrongMessage(`has none of ${names.join(', ')}`);
      return name;
    },
  };
}

export function listOf<T>(field: WireField<T>, maxItems: number): WireField<readonly T[]> {
  return {
    write: (values) => values.map(field.write),
    read: (raw) => {
      if (!Array.isArray(raw) || raw.length > maxItems)
        throw wrongMessage(`has no list of up to ${maxItems}`);
      return raw.map((item: unknown) => field.read(item));
    },
  };
}

/** Marks a field of a record that may be left out. */
export interface OptionalField<T> {
  readonly optional: WireField<T>;
}

export function optional<T>(field: WireField<T>): OptionalField<T> {
  return { optional: field };
}

type FieldOf<T, K extends keyof T> = undefined extends T[K]
  ? OptionalField<Exclude<T[K], undefined>>
  : WireField<T[K]>;
/** A field for each of a record's keys: one that is added and has no form here does not compile. */
export type RecordFields<T> = { readonly [K in keyof T]-?: FieldOf<T, K> };

interface AnyField {
  readonly name: string;
  readonly field: WireField<unknown>;
  readonly isOptional: boolean;
}

export function record<T extends object>(fields: RecordFields<T>): WireField<T> {
  const all = Object.entries(fields as Record<string, WireField<unknown> | OptionalField<unknown>>).map(
    ([name, one]): AnyField =>
      'optional' in one
        ? { name, field: one.optional, isOptional: true }
        : { name, field: one, isOptional: false },
  );
  return {
    write: (value) =>
      all.map(({ name, field }) => {
        const one = (value as Record<string, unknown>)[name];
        return one === undefined ? null : field.write(one);
      }),
    read: (raw) => {
      if (!Array.isArray(raw) || raw.length !== all.length)
        throw wrongMessage('has a record of another length');
      const value: Record<string, unknown> = {};
      all.forEach(({ name, field, isOptional }, at) => {
        const one: unknown = raw[at];
        if (!isOptional || (one !== null && one !== undefined)) value[name] = field.read(one);
      });
      return value as T;
    },
  };
}
