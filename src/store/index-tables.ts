/**
 * The delta index: `index/`, an environment derived from the log. Losing it costs a rebuild, nothing else. It is made of sorted runs
 * (sorted-runs.ts), of three tables:
 *
 * ```
 * source  [32 B public key][u48 seq][u48 position][u8 type]     by source and seq, which is also by id
 * time    [u64 hlc][u48 position][u8 type]
 * path    project 00 path 00 [u48 position][u8 type]            deltas that are about a path (store-keys.ts)
 *
 * meta    schema    2
 *         applied   { position, stamp }: all keys of every delta up to that position are here; stamp is the
 *                   checksum of the frame there, so that an index of another log, or of a log that lost its end, shows
 *         runs      which runs there are (sorted-runs.ts)
 * ```
 * In each run the keys that begin with one source, or with one path, ascend by position as well; and runs follow one another by
 * position. So what is asked for newest first is read run by run, and ends early. What a run says of positions below the log's floor
 * counts no more: retention drops the run when nothing else is in it.
 */
import type { Position } from '../base/ids.ts';
import { publicKeyFromNodeId } from '../codec/node-id.ts';
import { deltaTypes } from '../delta/delta.ts';
import type { DeltaHead } from '../delta/delta-head.ts';
import type { Environment } from './environment.ts';
import type { LogView } from './log-view.ts';
import { isCount, MetaTable } from './meta-table.ts';
import { SortedRuns } from './sorted-runs.ts';
import { pathText, sourceKey, timeKey, withTail } from './store-keys.ts';

export const indexSchema = 2;
export const blockTable = 'blocks';
/** Tables of schema 1, which had an entry each in a B-tree; whatever is in them is not read any more. */
const formerTables = ['sources', 'source', 'time', 'paths', 'path'] as const;
const formerSchema = 1;

/** The tables of a run, in this order. */
export const runTables = ['source', 'time', 'path'] as const;
export type RunTable = (typeof runTables)[number];
export const tableNumber = { source: 0, time: 1, path: 2 } as const satisfies Record<RunTable, number>;

export interface IndexKey {
  readonly table: RunTable;
  readonly key: Buffer;
}

export interface AppliedMark {
  readonly position: Position;
  readonly stamp: number;
}

export class IndexTables {
  readonly environment: Environment;
  readonly meta: MetaTable;
  readonly runs: SortedRuns;

  constructor(environment: Environment) {
    this.environment = environment;
    this.meta = new MetaTable(environment.table('meta'));
    this.runs = new SortedRuns(environment.table(blockTable), this.meta);
  }

  /** Undefined when it is of another schema, or was only begun: then it is to be made anew. @throws STORE_DAMAGED */
  static ifCurrent(environment: Environment): IndexTables | undefined {
    const meta = environment.tryTable('meta');
    const schema = meta && new MetaTable(meta).get('schema', isCount);
    return schema === indexSchema ? new IndexTables(environment) : undefined;
  }

  /**
   * How far the index serves queries on this log: positions above are read from the log itself. An index of another
   * schema, of another log or ahead of the log serves nothing. Read it before anything of the log.
   * @returns undefined when it is not usable at all.
   */
  applied(log: LogView): Position | undefined {
    if (this.meta.get('schema', isCount) !== indexSchema) return undefined;
    const mark = this.meta.get('applied', isAppliedMark);
    if (mark === undefined || mark.position > log.head()) return undefined;
    if (mark.position >= log.floor() && mark.stamp !== log.stamp(mark.position)) return undefined;
    // They are written together.
    if ((this.runs.live().at(-1)?.last ?? mark.position) !== mark.position) return undefined;
    return mark.position;
  }

  /** Inside `write` only: an index of an empty log whose oldest kept position is `floor`. */
  reset(floor: number): void {
    if (this.meta.get('schema', isCount) === formerSchema)
      for (const name of formerTables) this.environment.table(name).clear();
    // Before `meta` is emptied: it tells which numbers of runs were given.
    const { next } = this.runs.state();
    this.meta.clear();
    this.meta.put('schema', indexSchema);
    this.meta.put('applied', { position: floor - 1, stamp: 0 });
    this.runs.reset(next);
  }
}

/** All keys of one delta: what a rebuild would write and what `verify` expects. */
export function indexKeys(
  position: number,
  head: Pick<DeltaHead, 'source' | 'seq' | 'time' | 'type' | 'project' | 'path'>,
): readonly IndexKey[] {
  const type = typeNumber(head.type);
  const keys: IndexKey[] = [
    { table: 'source', key: withTail(sourceKey(publicKeyFromNodeId(head.source), head.seq), position, type) },
    { table: 'time', key: withTail(timeKey(head.time), position, type) },
  ];
  const text = pathTextOf(head);
  if (text !== undefined) keys.push({ table: 'path', key: withTail(text, position, type) });
  return keys;
}

const typeNumbers = new Map<string, number>(deltaTypes.map((type, number) => [type, number]));

export function typeNumber(type: DeltaHead['type']): number {
  return typeNumbers.get(type) ?? 0xff;
}

export function isAppliedMark(value: unknown): value is AppliedMark {
  const { position, stamp } = (value ?? {}) as Partial<Record<keyof AppliedMark, unknown>>;
  return isCount(position) && isCount(stamp);
}

/** What a delta's path is found under; undefined when it is about no path. */
export function pathTextOf({ project, path }: Pick<DeltaHead, 'project' | 'path'>): Buffer | undefined {
  return path === undefined ? undefined : pathText(project, path);
}
