import assert from 'node:assert/strict';

/** What stands in a text where a key stood. */
const mask = '[key]';
/** So many characters of a key in a row are taken for a part of it: services echo keys cut short, and nobody guesses eight. */
const partChars = 8;

/**
 * The key of a service. It can be had by `reveal` alone: an inspection, a log line or JSON of whatever holds it shows none of it.
 * It is not cloned into a thread either; what crosses is what `reveal` gives.
 */
export class ApiKey {
  readonly #text: string;

  constructor(text: string) {
    assert(text !== '', 'a key is never empty');
    this.#text = text;
  }

  /** For the header of a request, and nothing else. */
  reveal(): string {
    return this.#text;
  }

  /** The text without the key and parts of it, in either case and as an address would spell it. */
  scrub(text: string): string {
    const parts = new Set<string>();
    const length = Math.min(partChars, this.#text.length);
    for (const form of [this.#text, encodeURIComponent(this.#text)].map(lowerCase)) {
      for (let at = 0; at + length <= form.length; at += 1) parts.add(form.slice(at, at + length));
    }
    const lower = lowerCase(text);
    let scrubbed = '';
    let hiddenTo = -1;
    for (let at = 0; at < text.length; at += 1) {
      if (parts.has(lower.slice(at, at + length))) {
        // One mask for parts that touch or overlap.
        if (at > hiddenTo) scrubbed += mask;
        hiddenTo = at + length;
      }
      if (at >= hiddenTo) scrubbed += text[at];
    }
    return scrubbed;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }
}

/** Of ASCII only: `toLowerCase` would change the length of some texts. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
