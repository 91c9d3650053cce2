/**
 * The one CBOR encoder and decoder (RFC 8949, by cbor-x). A record is encoded once; the same bytes are hashed,
 * queued, stored and gossiped, so nothing may ever be decoded and encoded again on the way.
 */
import { Encoder } from 'cbor-x';

const encoder = new Encoder({
  // Records are cbor-x's own extension: other implementations could not read them, and they carry state between messages.
  useRecords: false,
  // Decoded maps become plain objects, as JSON gives them.
  mapsAsObjects: true,
  // Byte strings without a tag, as RFC 8949 has them; a tag would cost two bytes a hash.
  tagUint8Array: false,
  // References and cycles are refused: payloads are trees.
  structuredClone: false,
  // Map headers are as long as needed: `deps` and small payloads dominate, and a fixed header costs two bytes each.
  variableMapSize: true,
  // Decoded byte strings are copies: what is decoded may lie in memory that the next read overwrites.
  ...({ copyBuffers: true } as object),
});

/** @returns bytes of their own memory; not a view that a later call overwrites. */
export function encodeCbor(value: unknown): Uint8Array {
  return encoder.encode(value);
}

/** @throws Error on garbage; callers turn it into their own error or value. Nothing of the result refers to `bytes`. */
export function decodeCbor(bytes: Uint8Array): unknown {
  return encoder.decode(bytes);
}
