/** Where each record of the undamaged stores lies in its file, and what is in them. */
import { createHash } from 'node:crypto';
import { AuditReader, trailSpan } from '../../src/store/audit-log.ts';
import { openAuditTables } from '../../src/store/audit-tables.ts';
import { openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { inspectEnvironment } from '../../src/store/inspect.ts';
import { pageHeadBytes } from '../../src/store/lmdb-file.ts';
import { nodeHeadBytes } from '../../src/store/lmdb-page.ts';
import { storedKey } from '../../src/store/lmdb-tree.ts';
import { type LogState, LogView } from '../../src/store/log-view.ts';
import { isLostMarker } from '../../src/store/lost-marker.ts';
import { positionOfKey } from '../../src/store/store-keys.ts';
import type { Places, StoreName } from './damage-fixture.ts';

/** Bytes of one record: its node in a leaf, or its value in pages of its own. Position in the log, or time of an event. */
export interface RecordPlace {
  readonly store: StoreName;
  readonly record: number;
  readonly from: number;
  readonly to: number;
}

/** Of stores at rest that are sound. */
export function recordPlaces(places: Places): readonly RecordPlace[] {
  const found: RecordPlace[] = [];
  const tables = [
    ['delta', 'log'],
    ['audit', 'events'],
  ] as const;
  for (const [store, wanted] of tables)
    inspectEnvironment(places[store], {
      visitor: (table) => ({
        take: (entry) => {
          if (table !== wanted) return;
          const { file, keyAt, keyBytes, valueAt, valueBytes, overflowPage } = entry;
          const record = positionOfKey(storedKey(entry));
          const pageAt = keyAt - (keyAt % file.pageBytes);
          // The page begins with its own number.
          const shift = (file.words[pageAt >> 2] ?? 0) * file.pageBytes - pageAt;
          const inLeaf = overflowPage === 0 ? valueBytes : 24;
          const from = keyAt - nodeHeadBytes + shift;
          found.push({ store, record, from, to: from + nodeHeadBytes + keyBytes + inLeaf });
          if (overflowPage === 0) return;
          const value = overflowPage * file.pageBytes + pageHeadBytes;
          found.push({ store, record, from: value, to: value + valueBytes });
          if (valueAt < keyAt) throw new Error('a value lies before its key');
        },
      }),
    });
  return found;
}

export interface Contents {
  /** Digest of each record, by position. */
  readonly deltas: Readonly<Record<number, string>>;
  readonly lostPositions: readonly number[];
  /** Digest of each event, by its time, without those that record a repair. */
  readonly events: Readonly<Record<number, string>>;
  /** What the events that record a repair say is lost. */
  readonly lostEvents: number;
  readonly state: Readonly<Record<'head' | 'floor' | 'fence' | 'clock' | 'auditNewest', number>>;
  readonly seqs: Readonly<Record<string, number>>;
}

/** Opens what LMDB can be let at, and reads all of it. */
export async function readContents(places: Places): Promise<Contents> {
  const environment = openDeltaEnvironment(places.delta);
  const deltas: Record<number, string> = {};
  const lostPositions: number[] = [];
  let state: LogState;
  try {
    const view = new LogView(environment);
    state = view.state();
    for (const { key, value } of view.log.entries()) {
      const position = positionOfKey(key);
      if (isLostMarker(position, value)) lostPositions.push(position);
      else deltas[position] = digest(value);
    }
  } finally {
    await environment.close();
  }
  const { head, floor, fence, clock, sources } = state;
  const audit = await readEvents(places.audit);
  const seqs = Object.fromEntries([...sources].map(([source, { seq }]) => [source, seq]));
  const auditNewest = audit.newest;
  return { deltas, lostPositions, ...audit, state: { head, floor, fence, clock, auditNewest }, seqs };
}

async function readEvents(
  directory: string,
): Promise<Pick<Contents, 'events' | 'lostEvents'> & { readonly newest: number }> {
  const tables = await openAuditTables(directory);
  try {
    const all = new AuditReader(tables).query({ limit: 1_000_000 }).events;
    const isRepair = (event: (typeof all)[number]) =>
      event.action === 'gap' && event.metadata?.cause === 'repair';
    const lostEvents = all.filter(isRepair).reduce((sum, { metadata }) => sum + Number(metadata?.lost), 0);
    const events = Object.fromEntries(
      all.filter((event) => !isRepair(event)).map((event) => [event.at, digest(JSON.stringify(event))]),
    );
    return { events, lostEvents, newest: trailSpan(tables).newest };
  } finally {
    await tables.environment.close();
  }
}

function digest(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('base64').slice(0, 12);
}
