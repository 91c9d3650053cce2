/** CRC-32 (ISO 3309, as in zlib) seeded with the record's own key, so that an intact record in the wrong place is found too. */
import { crc32 } from 'node:zlib';

const keyBytes = new Uint8Array(8);
const keyView = new DataView(keyBytes.buffer);

/** @param key the number under which the record is stored, 0 ≤ key < 2^53. */
export function checksum(key: number, bytes: Uint8Array): number {
  keyView.setUint32(0, Math.floor(key / 2 ** 32));
  keyView.setUint32(4, key >>> 0);
  return crc32(bytes, crc32(keyBytes));
}
