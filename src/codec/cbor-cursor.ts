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
const simple = 7;
const float32 = 0xfa;
const float64 = 0xfb;
/** Nesting beyond this is left to the decoder, which has limits of its own. */
const maxDepth = 64;

export class CborCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #major = 0;

  /** Begins at the first item of `bytes`. One cursor serves many records. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

  /** A view on the record. */
  bytes(): Uint8Array {
    return this.#take(this.#expect(bytesType));
  }

  /** The UTF-8 of a text, a view on the record. */
  text(): Uint8Array {
    return this.#take(this.#expect(textType));
  }

  /** As `text` when the next item is one; undefined, and past it, when it is not. */
  textOrSkip(): Uint8Array | undefined {
    if (this.#peek() >> 5 === textType) return this.text();
    this.skip();
    return undefined;
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

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw unknownCbor;
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** The argument of the next head; the value itself of a float. Sets `#major`. */
  #head(): number {
    const first = this.#peek();
    this.#major = first >> 5;
    if (this.#major === 6) throw unknownCbor;
    const low = first & 31;
    this.#at += 1;
    if (low < 24) return low;
    const at = this.#at;
    const width = 1 << (low - 24);
    if (low > 27 || at + width > this.#bytes.length) throw unknownCbor;
    this.#at += width;
    if (this.#major === simple && low >= 26)
      return low === 26 ? this.#view.getFloat32(at) : this.#view.getFloat64(at);
    if (low === 24) return this.#bytes[at] ?? 0;
    if (low === 25) return this.#view.getUint16(at);
    return low === 26 ? this.#view.getUint32(at) : Number(this.#view.getBigUint64(at));
  }
}
