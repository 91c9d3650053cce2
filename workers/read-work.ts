/** One long read: a query that looks at many records. Opens the stores beside the lanes and closes them again. */
import { encodeParts } from '../src/codec/record-parts.ts';
import type { ReadTask, RecordsAnswer, StorePlaces } from '../src/offload/contract.ts';
import { AuditReader } from '../src/store/audit-log.ts';
import type { AuditFilter } from '../src/store/audit-store.ts';
import { type DeltaQuery, runQuery } from '../src/store/delta-queries.ts';
import { DeltaReader } from '../src/store/delta-reader.ts';
import { freeShare } from '../src/store/inspect.ts';

export function read(task: ReadTask): Promise<unknown> {
  switch (task.task) {
    case 'query':
      return deltas(task.places, task.query);
    case 'audit':
      return auditPage(task.places, task.filter);
    case 'free':
      return Promise.resolve(freeShare(task.directory));
  }
}

async function deltas(
  { delta, index, mapSizeBytes }: StorePlaces,
  query: DeltaQuery,
): Promise<RecordsAnswer> {
  const reader = await DeltaReader.open({ delta, index }, { mapSizeBytes, create: false });
  try {
    return { parts: encodeParts(runQuery(reader, query)) };
  } finally {
    await reader.close();
  }
}

async function auditPage({ audit, mapSizeBytes }: StorePlaces, filter: AuditFilter): Promise<RecordsAnswer> {
  const reader = await AuditReader.open(audit, { mapSizeBytes, create: false });
  try {
    const { events, cursor } = reader.query(filter);
    return { parts: encodeParts(events), ...(cursor === undefined ? {} : { cursor }) };
  } finally {
    await reader.close();
  }
}
