import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';

/** WAL and prepared statements in transactions, as its docs advise. */
const sqlite = (synchronous: 'full' | 'normal'): Peer => ({
  name: `better-sqlite3, ${synchronous}`,
  durability:
    synchronous === 'full'
      ? 'fsync of the WAL before each answer (synchronous=FULL)'
      : 'the WAL is synced at checkpoints only: power loss may take what was answered (synchronous=NORMAL)',
  async open(directory) {
    const { default: Database } = await import('better-sqlite3');
    mkdirSync(directory, { recursive: true });
    const database = new Database(join(directory, 'log.db'));
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${synchronous}`);
    database.exec(
      `create table if not exists log
         (position integer primary key, source integer, seq integer, time integer, json text);
       create unique index if not exists by_source on log (source, seq);
       create index if not exists by_time on log (time);`,
    );
    const insert = database.prepare('insert into log values (:position, :source, :seq, :time, :json)');
    const range = database.prepare('select json from log where time >= ? and time < ? order by time').pluck();
    const last = database.prepare('select json from log where source = ? order by seq desc limit ?').pluck();
    return {
      append: database.transaction((records) => {
        for (const record of records) insert.run(record);
      }),
      range: (from, to) => parsed(range.all(from, to)),
      last: (source, count) => parsed(last.all(source, count)),
      close: () => void database.close(),
    };
  },
});

export const sqliteFull = sqlite('full');
export const sqliteNormal = sqlite('normal');

function parsed(texts: readonly unknown[]): number {
  for (const json of texts) JSON.parse(String(json));
  return texts.length;
}
