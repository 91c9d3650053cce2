/**
 * Finds where the members of a large JSON file lie, without holding or parsing it: a file of vectors may be longer than the
 * longest string that V8 has (512 MB), and a streaming parser gives up the whole file at the first fault. Here only quotes and
 * brackets are followed, so a fault inside of a member costs that member; legacy-vector-file.ts goes on behind one in a bracket.
 */
import assert from 'node:assert/strict';

/** One member: its key as JSON text, and the bytes `from` … `to` (exclusive) of its value. */
export interface JsonSpan {
  /** 1: of the file's object; 2: of the object that is descended into. */
  readonly level: 1 | 2;
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

const byte = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  backslash: 0x5c,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  newline: 0x0a,
} as const;

/** Kept of a key. A longer one is cut, and told apart from others that begin alike by where it stands. */
const maxKeyBytes = 4096;

/** 1 for bytes that mean nothing to a value, in a string or outside of one. */
const isPlain = new Uint8Array(256).fill(1);
for (const code of [byte.quote, byte.comma, byte.backslash, byte.newline]) isPlain[code] = 0;
for (const code of [byte.openBracket, byte.closeBracket, byte.openBrace, byte.closeBrace]) isPlain[code] = 0;

type State = 'start' | 'key-or-end' | 'key' | 'colon' | 'value-start' | 'value' | 'after' | 'done' | 'broken';

/** What is wrong with a file as a whole. */
export interface JsonFault {
  readonly what: string;
  /** Of the member that the file ends in the middle of. */
  readonly key: string | undefined;
  /** From here on nothing was told. */
  readonly from: number;
}

export class JsonSpans {
  readonly #descendInto: string;
  readonly #onSpan: (span: JsonSpan) => void;
  #state: State = 'start';
  #level: 1 | 2 = 1;
  #at = 0;
  #descended = false;
  /** Of the first byte that is not blank behind the end of the file's object. */
  #restAt: number | undefined;
  /** Behind the last member that was told of those that are descended into. */
  #toldTo = 0;
  readonly #startAt: number;
  #key: number[] = [];
  #keyAt = 0;
  #keyIsCut = false;
  #from = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /**
   * @param descendInto the member of the file's object whose members are told one by one.
   * @param startAt begins inside of that member, before the key that stands at this byte. @default the start of the file
   */
  constructor(descendInto: string, onSpan: (span: JsonSpan) => void, startAt?: number) {
    this.#descendInto = descendInto;
    this.#onSpan = onSpan;
    this.#startAt = startAt ?? -1;
    if (startAt === undefined) return;
    this.#at = startAt;
    this.#level = 2;
    this.#descended = true;
    this.#state = 'key-or-end';
  }

  /** Bytes seen. */
  get at(): number {
    return this.#at;
  }

  push(chunk: Uint8Array): void {
    let index = 0;
    while (index < chunk.length) {
      if (this.#state === 'value') {
        index = this.#value(chunk, index);
      } else if (this.#state === 'broken' || this.#restAt !== undefined) {
        this.#at += chunk.length - index;
        return;
      } else {
        // A byte that ends a value is looked at again by the state behind it, so this state takes each byte once.
        this.#step(chunk[index] ?? 0);
        this.#at += 1;
        index += 1;
      }
    }
  }

  /** Call it once all is pushed. Undefined: the file was whole, and had the member that is descended into. */
  end(): JsonFault | undefined {
    const from = Math.max(this.#toldTo, this.#startAt + 1);
    if (this.#restAt !== undefined)
      return { what: `goes on behind its end, at byte ${this.#restAt}`, key: undefined, from };
    if (this.#state === 'broken')
      return { what: `is not JSON of this form at byte ${this.#from}`, key: undefined, from };
    if (this.#state !== 'done') {
      const inMember = this.#level === 2 && ['colon', 'value-start', 'value'].includes(this.#state);
      return {
        what: this.#at === 0 ? 'is empty' : `ends too early, at byte ${this.#at}`,
        key: inMember ? this.#keyText() : undefined,
        from: this.#state === 'value' ? this.#from : from,
      };
    }
    return this.#descended ? undefined : { what: `holds no "${this.#descendInto}"`, key: undefined, from: 0 };
  }

  /** Follows a value to its end; returns the index behind what was taken. */
  #value(chunk: Uint8Array, start: number): number {
    let index = start;
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let ended = false;
    // Most of the bytes are digits of embeddings: they cost one look into a table.
    for (; index < chunk.length && !ended; index += 1) {
      const code = chunk[index] ?? 0;
      if (escaped) {
        escaped = false;
        continue;
      }
      if (isPlain[code] === 1) continue;
      if (inString) {
        if (code === byte.backslash) escaped = true;
        // JSON has no line break inside a string: a quote is missing, and taking the string for ended saves what follows.
        else if (code === byte.quote || code === byte.newline) inString = false;
      } else if (code === byte.quote) {
        inString = true;
      } else if (code === byte.openBrace || code === byte.openBracket) {
        depth += 1;
      } else if (code === byte.closeBrace || code === byte.closeBracket) {
        // Without a bracket of its own the value ends before the one that closes what it is in.
        if (depth === 0) break;
        depth -= 1;
        ended = depth === 0;
      } else if (code === byte.comma && depth === 0) break;
    }
    const stopped = ended || index < chunk.length;
    this.#at += index - start;
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    if (stopped) this.#endValue();
    return index;
  }

  #endValue(): void {
    assert(this.#at >= this.#from);
    this.#onSpan({ level: this.#level, key: this.#keyText(), from: this.#from, to: this.#at });
    if (this.#level === 2) this.#toldTo = this.#at;
    this.#state = 'after';
  }

  #step(code: number): void {
    if (this.#state === 'key') this.#inKey(code);
    else if (isBlank(code)) return;
    else if (this.#state === 'start') this.#start(code);
    else if (this.#state === 'colon') this.#colon(code);
    else if (this.#state === 'value-start') this.#valueStart(code);
    else if (this.#state === 'done') this.#restAt = this.#at;
    else this.#between(code);
  }

  #start(code: number): void {
    // A byte order mark, as some editors write one, is passed over.
    if (this.#at < 3 && [0xef, 0xbb, 0xbf].includes(code)) return;
    if (code === byte.openBrace) this.#state = 'key-or-end';
    else this.#break();
  }

  #colon(code: number): void {
    if (code === byte.colon) this.#state = 'value-start';
    else this.#break();
  }

  #between(code: number): void {
    if (code === byte.comma && this.#state === 'after') this.#state = 'key-or-end';
    else if (code === byte.quote) {
      this.#key = [];
      this.#keyAt = this.#at;
      this.#keyIsCut = false;
      this.#escaped = false;
      this.#state = 'key';
    } else if (code === byte.closeBrace) {
      this.#state = this.#level === 2 ? 'after' : 'done';
      this.#level = 1;
    } else this.#break();
  }

  #inKey(code: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === byte.backslash) this.#escaped = true;
    else if (code === byte.quote || code === byte.newline) {
      this.#state = 'colon';
      return;
    }
    if (this.#key.length < maxKeyBytes) this.#key.push(code);
    else this.#keyIsCut = true;
  }

  #valueStart(code: number): void {
    // Where a bracket too many has closed the members too early, the rest of them would pass for members of the file.
    if (this.#level === 1 && this.#descended && code === byte.openBrace) {
      this.#break();
      return;
    }
    if (this.#level === 1 && code === byte.openBrace && this.#keyText() === this.#descendInto) {
      this.#level = 2;
      this.#descended = true;
      this.#state = 'key-or-end';
      return;
    }
    this.#from = this.#at;
    this.#depth = code === byte.openBrace || code === byte.openBracket ? 1 : 0;
    this.#inString = code === byte.quote;
    this.#escaped = false;
    this.#state = 'value';
  }

  #break(): void {
    this.#from = this.#at;
    this.#state = 'broken';
  }

  #keyText(): string {
    const text = Buffer.from(this.#key).toString('utf8');
    if (this.#keyIsCut) return `${text}… (at byte ${this.#keyAt})`;
    try {
      return String(JSON.parse(`"${text}"`));
    } catch {
      // A key that is no JSON string is shown as it stands.
      return text;
    }
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === byte.newline || code === 0x0d || code === 0x09;
}
