/** What follows a look at damaged stores: verify, repair, repair again, and then the daily work on what came out. */
import assert from 'node:assert/strict';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { ProjectId } from '../../src/base/ids.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { repairStores } from '../../src/store/repair.ts';
import { compactAudit, compactLog } from '../../src/store/retention.ts';
import { verifyStores } from '../../src/store/verify.ts';
import type { RepairSummary } from '../../src/store/verify-report.ts';
import { auditEvent } from './audit-store-contract.ts';
import type { Places } from './damage-fixture.ts';
import { own, sign } from './log-fixture.ts';
import { type Contents, readContents } from './record-places.ts';
import { Author, baseTime, testNode } from './store-fixture.ts';

export interface Mended {
  readonly repair: RepairSummary;
  readonly contents: Contents;
}

/** Repairs; a second repair must find nothing to do, and the stores must then serve. */
export async function mendAndServe(places: Places, asideDirectory: string): Promise<Mended> {
  const repair = await repairStores(places, { node: own.id, asideDirectory });
  const contents = await readContents(places);
  if (repair.rebuilt.length > 0) {
    const again = await repairStores(places, { node: own.id, asideDirectory });
    assert.deepEqual(
      again,
      { aside: [], rebuilt: [], lost: { deltas: 0, auditEvents: 0, atLeast: false } },
      'a second repair',
    );
  }
  await serve(places);
  return { repair, contents };
}

/** Appends of both sources, the index, the trail, retention; then everything must verify. */
export async function serve(places: Places): Promise<void> {
  const log = await DeltaLogWriter.open(places.delta, { node: own.id });
  const index = await DeltaIndexWriter.open(places.index, log.view);
  const audit = await AuditWriter.open(places.audit);
  try {
    const { head, sources, clock, fence } = log.headState();
    assert.ok(log.reserveFences(fence + 10, audit.newest()) > fence);
    const intake = new DeltaIntake(head, sources);
    const authors = [own, testNode('peer')].map((node) => {
      const author = new Author(node, Math.max(clock, baseTime));
      const known = sources.get(node.id);
      author.seq = known?.seq ?? 0;
      author.hash = known?.hash ?? author.hash;
      return author;
    });
    const incoming = Array.from({ length: 30 }, (_, at) => {
      const payload = { path: 'src/new.ts', text: 'n'.repeat(at === 7 ? 9000 : 200) };
      return at % 3 === 0 ? authors[1]?.foreign({ payload }) : authors[0]?.own({ payload });
    }).filter((delta) => delta !== undefined);
    const { records, take } = intake.admit(incoming);
    assert.equal(log.append(records, sign).head, head + 30);
    take();
    index.applyUpTo(Number.MAX_SAFE_INTEGER);
    const reader = new DeltaReader(log.view, index.tables);
    const project = 'github.com/acme/app' as ProjectId;
    assert.equal(reader.getByPath({ project, path: 'src/new.ts' }).length, 30);
    const tick = Math.max(audit.newest(), baseTime) - baseTime;
    const events = Array.from({ length: 20 }, (_, at) => auditEvent(tick + at + 1, { action: 'denied' }));
    audit.append(events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) })));
    assert.equal(new AuditReader(audit.tables).query({ limit: 1 }).events[0]?.at, events.at(-1)?.at);
    dropOld(log, index, audit, clock);
  } finally {
    await audit.close();
    await index.close();
    await log.close();
  }
  const { problems } = await verifyStores(places);
  assert.deepEqual(problems, [], 'after the work that followed');
}

/** All that was there before the new ones, but a tenth. */
function dropOld(log: DeltaLogWriter, index: DeltaIndexWriter, audit: AuditWriter, clock: number): void {
  const before = (clock - 50) as HlcTime;
  for (const _ of compactLog(log.view, index.tables, { before }, { maxPerTransaction: 100 }));
  for (const _ of compactAudit(audit.tables, (audit.newest() - 50) as HlcTime));
}
