/**
 * Reads a few items out of CBOR (RFC 8949) without decoding the rest, for who needs three fields of a record of many: five times as
 * fast. It knows definite lengths and no tags, which is what `encodeCbor` writes; of anything else it says so, and the caller decodes.
 */

/** What `CborCursor` throws at CBOR that it does not know, or that ends early. No stack: it is part of the work. */
export const unknownCbor = Object.freeze({ reason: 'not the CBOR that a cursor reads' });

const unsigned = 0;
const bytesType = 2;
const textType = 3;
const arrayType = 4;
const mapType = 5;
const tag = 6;
const simple = 7;
const float32 = 0xfa;
const float64 = 0xfb;
/** Nesting beyond this is left to the decoder, which has limits of its own. */
const maxDepth = 64;

export class CborCursor {
  /** Of the newest bytes or text: where it lies in the record. A view of each would cost more than all the rest. */
  start = 0;
  end = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #major = 0;

  /** Begins at the first item of `bytes`. One cursor serves many records. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  array(): number {
    return this.#expect(arrayType);
  }

  map(): number {
    return this.#expect(mapType);
  }

  /** A number as `encodeCbor` writes it: an unsigned integer, or a float where that is too large or broken. */
  number(): number {
    const first = this.#peek();
    if (first >> 5 !== unsigned && first !== float32 && first !== float64) throw unknownCbor;
    return this.#head();
  }

  /** From `start` to `end` lie the bytes. */
  bytes(): void {
    this.#take(this.#expect(bytesType));
  }

  /** From `start` to `end` lies the UTF-8 of the text. */
  text(): void {
    this.#take(this.#expect(textType));
  }

  /** As `text` when the next item is one; past it, and false, when it is not. */
  textOrSkip(): boolean {
    const isText = this.#peek() >> 5 === textType;
    if (isText) this.text();
    else this.skip();
    return isText;
  }

  /** Whether the newest bytes or text are these. */
  is(wanted: Uint8Array): boolean {
    const { start, end } = this;
    const bytes = this.#bytes;
    if (end - start !== wanted.length) return false;
    for (let at = 0; at < wanted.length; at += 1) if (bytes[start + at] !== wanted[at]) return false;
    return true;
  }

  /** Past the next item and all that is in it. */
  skip(depth = 0): void {
    if (depth > maxDepth) throw unknownCbor;
    const argument = this.#head();
    switch (this.#major) {
      case bytesType:
      case textType:
        this.#take(argument);
        return;
      case arrayType:
        for (let at = 0; at < argument; at += 1) this.skip(depth + 1);
        return;
      case mapType:
        for (let at = 0; at < argument; at += 1) {
          this.skip(depth + 1);
          this.skip(depth + 1);
        }
        return;
    }
  }

  #expect(major: number): number {
    const argument = this.#head();
    if (this.#major !== major) throw unknownCbor;
    return argument;
  }

  #peek(): number {
    const first = this.#bytes[this.#at];
    if (first === undefined) throw unknownCbor;
    return first;
  }

  #take(length: number): void {
    this.start = this.#at;
    this.end = this.#at + length;
    if (this.end > this.#bytes.length) throw unknownCbor;
    this.#at = this.end;
  }

  /** The argument of the next head; the value itself of a float. Sets `#major`. */
  #head(): number {
    const first = this.#peek();
    this.#major = first >> 5;
    if (this.#major === tag) throw unknownCbor;
    const low = first & 31;
    this.#at += 1;
    if (low < 24) return low;
    const at = this.#at;
    const width = 1 << (low - 24);
    if (low > 27 || at + width > this.#bytes.length) throw unknownCbor;
    this.#at += width;
    if (this.#major === simple && low >= 26) return this.#float(at, width);
    let argument = 0;
    for (let place = at; place < at + width; place += 1)
      argument = argument * 256 + (this.#bytes[place] ?? 0);
    return argument;
  }

  #float(at: number, width: number): number {
    for (let place = 0; place < width; place += 1) floatBytes[place] = this.#bytes[at + place] ?? 0;
    return width === 4 ? floatView.getFloat32(0) : floatView.getFloat64(0);
  }
}

const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);
