/** The queries of `DeltaStore` as data, so that the same one can be answered on the main thread or in a worker. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position } from '../base/ids.ts';
import type { StoredDelta } from '../delta/delta.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import type { DeltaReader } from './delta-reader.ts';
import type { DeltaFilter, PathQuery } from './delta-store.ts';
import type { ScanBudget } from './scan-budget.ts';

export type DeltaQuery =
  | { readonly name: 'getSince'; readonly arguments: readonly [VersionVector, DeltaFilter] }
  | { readonly name: 'getRange'; readonly arguments: readonly [HlcTime, HlcTime, DeltaFilter] }
  | { readonly name: 'getBySource'; readonly arguments: readonly [NodeId, number | undefined] }
  | { readonly name: 'getByPath'; readonly arguments: readonly [PathQuery] }
  | { readonly name: 'getLatest'; readonly arguments: readonly [DeltaFilter, Position | undefined] }
  /** Its answer has one delta or none. */
  | { readonly name: 'get'; readonly arguments: readonly [DeltaId] };

/** As `runQuery`, or undefined when the answer costs more than the budget. */
export function tryRunQuery(
  reader: DeltaReader,
  query: DeltaQuery,
  budget: ScanBudget,
): readonly StoredDelta[] | undefined {
  return budget.within(() => runQuery(reader.within(budget), query));
}

export function runQuery(reader: DeltaReader, query: DeltaQuery): readonly StoredDelta[] {
  switch (query.name) {
    case 'getSince':
      return reader.getSince(...query.arguments);
    case 'getRange':
      return reader.getRange(...query.arguments);
    case 'getBySource':
      return reader.getBySource(...query.arguments);
    case 'getByPath':
      return reader.getByPath(...query.arguments);
    case 'getLatest':
      return reader.getLatest(...query.arguments);
    case 'get': {
      const found = reader.get(...query.arguments);
      return found === undefined ? [] : [found];
    }
  }
}
