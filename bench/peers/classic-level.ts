import type { Peer } from './peer.ts';

/** LevelDB. Its docs advise batches, and `getMany` for many keys; compression by snappy is its default. */
export const classicLevel: Peer = {
  name: 'classic-level',
  durability: 'fdatasync of its log before each answer (sync: true)',
  async open(directory) {
    const { ClassicLevel } = await import('classic-level');
    const database = new ClassicLevel<string, string>(directory, {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
    });
    await database.open();
    return {
      append: (records) =>
        database.batch(
          records.flatMap(({ source, seq, time, json }) => [
            { type: 'put' as const, key: timeKey(time), value: json },
            { type: 'put' as const, key: sourceKey(source, seq), value: timeKey(time) },
          ]),
          { sync: true },
        ),
      async range(from, to) {
        const values = await database.values({ gte: timeKey(from), lt: timeKey(to) }).all();
        for (const json of values) JSON.parse(json);
        return values.length;
      },
      async last(source, limit) {
        const own = { gt: sourceKey(source, 0), lt: sourceKey(source + 1, 0) };
        const keys = await database.values({ ...own, reverse: true, limit }).all();
        const values = await database.getMany(keys);
        for (const json of values) JSON.parse(json ?? '');
        return values.length;
      },
      close: () => database.close(),
    };
  },
};

const timeKey = (time: number) => `t${String(time).padStart(16, '0')}`;
const sourceKey = (source: number, seq: number) => `s${source}/${String(seq).padStart(12, '0')}`;
