/** Bugs that are planted into a recording: each stands for a daemon that does something else than it should. The campaign must find it. */
import type { Operation } from './file-operations.ts';
import type { LivedOperation } from './record.ts';

export interface Planting {
  readonly name: string;
  readonly change: (operations: readonly LivedOperation[]) => readonly LivedOperation[];
}

const isData = ({ path }: { readonly path: string }) => path.endsWith('/data.mdb');
const isLog = ({ path }: { readonly path: string }) => path.endsWith('lmdb/delta/data.mdb');
const isSync = (operation: Operation) => operation.kind === 'sync';

export const plantings: readonly Planting[] = [
  {
    name: 'no sync of the pages before the meta page that points at them',
    change: (operations) => operations.filter((one) => !(one.kind === 'sync' && isData(one))),
  },
  {
    name: 'no sync of the meta page of the log',
    change: (operations) =>
      operations.map((one) => (one.kind === 'write' && isLog(one) ? { ...one, synced: false } : one)),
  },
  {
    name: 'an answer before the sync that it speaks of',
    change: answersEarly,
  },
  {
    name: 'no sync of any directory',
    change: (operations) => operations.filter((one) => !(one.kind === 'sync' && !one.path.includes('.'))),
  },
  {
    name: 'a key that gets its name before its contents are on disk',
    change: (operations) =>
      operations.filter((one) => !(isSync(one) && 'path' in one && one.path.includes('.key.json'))),
  },
];

/** Each answer goes out as the newest write to the log begins that came before it. */
function answersEarly(operations: readonly LivedOperation[]): readonly LivedOperation[] {
  let written: number | undefined;
  return operations.map((one) => {
    if (one.kind === 'write' && isLog(one)) written = one.begin;
    return one.kind === 'answer' && written !== undefined ? { ...one, begin: written } : one;
  });
}
