import { open } from 'lmdb';
import type { Peer } from './peer.ts';

const keyBytes = 8;

/** The limit: lmdb-js with nothing around it, one table in the order of time. */
export const lmdbAlone: Peer = {
  name: 'lmdb-js alone',
  durability: 'fdatasync before each answer',
  async open(path) {
    const database = open<Buffer, Uint8Array>({
      path,
      // A commit returns when it is on disk.
      overlappingSync: false,
      keyEncoding: 'binary',
      encoding: 'binary',
      mapSize: 16 * 2 ** 30,
    });
    return {
      append(records) {
        database.transactionSync(() => {
          for (const { time, json } of records)
            database.putSync(keyOf(time), Buffer.from(json), { append: true });
        });
      },
      range(from, to) {
        let count = 0;
        for (const { value } of database.getRange({ start: keyOf(from), end: keyOf(to) })) {
          JSON.parse(value.toString());
          count += 1;
        }
        return count;
      },
      close: () => database.close(),
    };
  },
};

function keyOf(time: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key.writeBigUInt64BE(BigInt(time));
  return key;
}
