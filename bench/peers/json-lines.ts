import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer, PeerRecord } from './peer.ts';

/** What many tools do: a line a record, all of them in memory, and the whole file read at the start. */
export const jsonLines: Peer = {
  name: 'JSON lines',
  durability: 'fdatasync before each answer',
  async open(directory) {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, 'log.jsonl');
    const fd = openSync(path, 'a+');
    const all: PeerRecord[] = [];
    const bySource: PeerRecord[][] = [];
    const take = (record: PeerRecord) => {
      all.push(record);
      const own = bySource[record.source] ?? [];
      bySource[record.source] = own;
      own.push(record);
    };
    for (const line of readFileSync(path, 'utf8').split('\n')) if (line !== '') take(fromLine(line));
    return {
      append(records) {
        writeSync(fd, records.map(lineOf).join(''));
        fdatasyncSync(fd);
        for (const record of records) take(record);
      },
      range: (from, to) => parsed(all.slice(firstFrom(all, from), firstFrom(all, to))),
      last: (source, count) => parsed((bySource[source] ?? []).slice(-count).reverse()),
      close: () => closeSync(fd),
    };
  },
};

/** Binary search: `all` is in the order of time. */
function firstFrom(all: readonly PeerRecord[], time: number): number {
  let low = 0;
  for (let high = all.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lineOf({ position, source, seq, time, json }: PeerRecord): string {
  return `{"position":${position},"source":${source},"seq":${seq},"time":${time},"value":${json}}\n`;
}

function fromLine(line: string): PeerRecord {
  const record = JSON.parse(line) as Omit<PeerRecord, 'json'>;
  return { ...record, json: JSON.stringify(record.value) };
}

function parsed(records: readonly PeerRecord[]): number {
  for (const { json } of records) JSON.parse(json);
  return records.length;
}
