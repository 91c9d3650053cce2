/** Any value as what JSON can say of it, with the secrets left out: for what is written for people, and must neither throw nor tell too much. */

/** What is never written. The parts that know what a secret is supply it. */
export interface Redaction {
  /** True when whatever stands under this name is left out. */
  hides(name: string): boolean;
  /** The text with a word in the place of each secret. */
  text(text: string): string;
  /** Told when something was left out for its name. */
  onHidden?(): void;
}

/** For what holds none, and for tests. */
export const noRedaction: Redaction = { hides: () => false, text: (text) => text };

export interface PlainLimits {
  /** How deep objects may lie in one another. */
  readonly depth: number;
  /** Of all objects and lists together. */
  readonly entries: number;
  /** Of all texts and names together, in UTF-16 units. */
  readonly chars: number;
}

const redactedWord = '[redacted]';

/** Below this a text is taken as it is when it is cut; above, the word that the cut went through goes too. */
const maxWordChars = 4096;

/**
 * A tree of plain objects, lists, texts, numbers, true, false and null. Bytes are counted and never shown: they may be a key.
 * Never throws, whatever getters, proxies and `toJSON` do.
 */
export function plainValue(value: unknown, redaction: Redaction, limits: PlainLimits): unknown {
  return new PlainCopy(redaction, limits).copy(value, []);
}

class PlainCopy {
  readonly #redaction: Redaction;
  readonly #limits: PlainLimits;
  #charsLeft: number;
  #entriesLeft: number;

  constructor(redaction: Redaction, limits: PlainLimits) {
    this.#redaction = redaction;
    this.#limits = limits;
    this.#charsLeft = limits.chars;
    this.#entriesLeft = limits.entries;
  }

  copy(value: unknown, above: readonly object[]): unknown {
    try {
      return this.#copy(value, above);
    } catch {
      return '[unreadable]';
    }
  }

  #copy(value: unknown, above: readonly object[]): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'bigint':
      case 'symbol':
        return this.#text(String(value));
      case 'function':
        return '[function]';
      case 'object':
        return value === null ? null : this.#object(value, above);
    }
  }

  #object(value: object, above: readonly object[]): unknown {
    if (above.includes(value)) return '[circular]';
    if (above.length >= this.#limits.depth) return '[…]';
    const below = [...above, value];
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
      return `[${value.byteLength} bytes]`;
    if (value instanceof Error) return this.#text(value.stack ?? `${value.name}: ${value.message}`);
    const { toJSON } = value as { readonly toJSON?: unknown };
    if (typeof toJSON === 'function') return this.copy(toJSON.call(value), below);
    if (value instanceof Map)
      return this.#entries(
        [...value].map(([name, one]) => [String(name), one]),
        below,
      );
    if (value instanceof Set) return this.#list([...value], below);
    return Array.isArray(value)
      ? this.#list(value, below)
      : this.#entries(
          Object.keys(value).map((name) => [name, () => (value as Readonly<Record<string, unknown>>)[name]]),
          below,
          true,
        );
  }

  #list(values: readonly unknown[], below: readonly object[]): unknown {
    const kept: unknown[] = [];
    for (const [at, value] of values.entries()) {
      if (this.#entriesLeft <= 0) return [...kept, `[${values.length - at} more]`];
      this.#entriesLeft -= 1;
      kept.push(this.copy(value, below));
    }
    return kept;
  }

  /** @param isLazy each value is a function that gives it: a getter may throw, and then costs its own entry alone. */
  #entries(
    entries: readonly (readonly [name: string, value: unknown])[],
    below: readonly object[],
    isLazy = false,
  ): Readonly<Record<string, unknown>> {
    // Without a prototype: an entry may be called __proto__.
    const copied: Record<string, unknown> = Object.create(null);
    for (const [at, [name, value]] of entries.entries()) {
      if (this.#entriesLeft <= 0) {
        copied['…'] = `[${entries.length - at} more]`;
        break;
      }
      this.#entriesLeft -= 1;
      copied[this.#text(name)] = this.#redaction.hides(name)
        ? this.#hidden(value, isLazy)
        : this.#read(value, isLazy, (one) => this.copy(one, below));
    }
    return copied;
  }

  /** A number or a switch under such a name is a count (`tokens: 12`) or a state, and tells nothing. */
  #hidden(value: unknown, isLazy: boolean): unknown {
    return this.#read(value, isLazy, (one) => {
      if (one === null || one === '' || ['number', 'boolean', 'undefined'].includes(typeof one)) return one;
      this.#redaction.onHidden?.();
      return redactedWord;
    });
  }

  #read(value: unknown, isLazy: boolean, then: (value: unknown) => unknown): unknown {
    try {
      return then(isLazy ? (value as () => unknown)() : value);
    } catch {
      return '[unreadable]';
    }
  }

  /** Cut before it is looked through, so that a text of any length costs the same; the cut must not leave a piece of a secret. */
  #text(text: string): string {
    const isCut = text.length > this.#charsLeft;
    let shown = this.#redaction.text(isCut ? text.slice(0, this.#charsLeft) : text);
    if (isCut) {
      const word = /\S*$/.exec(shown.slice(-maxWordChars))?.[0] ?? '';
      shown = `${shown.slice(0, shown.length - word.length)}… [${text.length} characters]`;
    }
    this.#charsLeft = Math.max(0, this.#charsLeft - shown.length);
    return shown;
  }
}
