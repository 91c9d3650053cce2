/** Looking into the runs of an index, and writing other ones in their place. */
import { type IndexTables, type RunTable, tableNumber } from '../../src/store/index-tables.ts';
import { TableWriter } from '../../src/store/run-merge.ts';
import { placeOfBlock, type Run, type SortedRuns, type TableBlocks } from '../../src/store/sorted-runs.ts';

/** The keys of one table in all runs, oldest run first. */
export function indexedKeys({ environment, runs }: IndexTables, table: RunTable): readonly Buffer[] {
  environment.refresh();
  return runs.live().flatMap((run) => keysOfRun(runs, run, table));
}

function keysOfRun(runs: SortedRuns, run: Run, table: RunTable): Buffer[] {
  const keys: Buffer[] = [];
  for (const { key, length } of runs.keys(run, tableNumber[table], {}))
    keys.push(Buffer.from(key.subarray(0, length)));
  return keys;
}

export function keyCount(tables: IndexTables): number {
  return (['source', 'time', 'path'] as const).reduce(
    (sum, table) => sum + indexedKeys(tables, table).length,
    0,
  );
}

/** Writes one table of the newest run anew, with other keys, sealed and counted as if that were right. */
export function alterRun(
  { environment, runs }: IndexTables,
  table: RunTable,
  change: (keys: Buffer[]) => readonly Buffer[],
): void {
  const number = tableNumber[table];
  environment.write(() => {
    const state = runs.state();
    const run = state.live.at(-1);
    if (run === undefined) throw new Error('there is no run');
    const keys = keysOfRun(runs, run, table);
    for (const key of [...runs.blocks.keys()].map((key) => Buffer.from(key))) {
      const place = placeOfBlock(key);
      if (place?.run === run.run && place.table === number) runs.blocks.remove(key);
    }
    const writer = new TableWriter();
    for (const key of [...change(keys)].sort(Buffer.compare)) writer.add(key, 0, key.length);
    const nothing: TableBlocks = { keys: 0, blocks: [] };
    const written = [nothing, nothing, nothing].with(number, writer.finish());
    const told = runs.putBlocks(run.run, written);
    const altered = {
      ...run,
      keys: run.keys.with(number, told.keys[number] ?? 0),
      blocks: run.blocks.with(number, told.blocks[number] ?? 0),
    };
    runs.save({ ...state, live: [...state.live.slice(0, -1), altered] });
  });
}

/** As `alterRun`, with this key among the others instead of what it replaces. */
export function replaceKey(
  tables: IndexTables,
  table: RunTable,
  old: Buffer | undefined,
  key?: Buffer,
): void {
  alterRun(tables, table, (keys) => {
    const kept = old === undefined ? keys : keys.filter((other) => !other.equals(old));
    if (old !== undefined && kept.length === keys.length) throw new Error('the key to replace is not there');
    return key === undefined ? kept : [...kept, key];
  });
}
