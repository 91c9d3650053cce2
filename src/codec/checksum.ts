/** CRC-32 (ISO 3309, as in zlib) seeded with the record's own key, so that an intact record in the wrong place is found too. */
import { crc32 } from 'node:zlib';

/** Remainders of the 256 bytes, for the eight bytes of the key: a native call for those would cost as much as for the record. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder >>> 0;
});

/** @param key the number under which the record is stored, 0 ≤ key < 2^53. */
export function checksum(key: number, bytes: Uint8Array): number {
  const high = Math.floor(key / 2 ** 32);
  const low = key >>> 0;
  return crc32(bytes, ~word(word(~0, high), low) >>> 0);
}

/** Goes on over four bytes, the highest first. */
function word(state: number, value: number): number {
  let next = state;
  for (let shift = 24; shift >= 0; shift -= 8)
    next = (remainders[(next ^ (value >>> shift)) & 0xff] ?? 0) ^ (next >>> 8);
  return next;
}
