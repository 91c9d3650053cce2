/**
 * A process that does to stores what months do: appends, large values, retention, restarts of the writers, until it is killed.
 * `store-churn.ts <directory> <seed>`; it says `.` after each step.
 */
import { join } from 'node:path';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { signHash } from '../../src/delta/delta-frame.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { compactAudit, compactLog } from '../../src/store/retention.ts';
import { seededRandom } from '../support/seed.ts';
import { auditEvent } from './audit-store-contract.ts';
import { Author, baseTime, testNode } from './store-fixture.ts';

const [directory = '', seed = '1'] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const node = testNode('own');

async function session(): Promise<void> {
  const log = await DeltaLogWriter.open(join(directory, 'delta'), { node: node.id });
  const index = await DeltaIndexWriter.open(join(directory, 'index'), log.view, {
    batch: random.int(1, 300),
  });
  const audit = await AuditWriter.open(join(directory, 'audit'));
  const state = log.headState();
  const intake = new DeltaIntake(state.head, state.sources);
  const author = new Author(node, Math.max(baseTime, state.clock));
  author.seq = state.sources.get(node.id)?.seq ?? 0;
  author.hash = state.sources.get(node.id)?.hash ?? author.hash;
  log.reserveFences(state.fence + 100);
  for (let step = random.int(1, 30); step > 0; step--) {
    act(log, index, audit, intake, author);
    process.stdout.write('.');
  }
  await audit.close();
  await index.close();
  await log.close();
}

function act(
  log: DeltaLogWriter,
  index: DeltaIndexWriter,
  audit: AuditWriter,
  intake: DeltaIntake,
  author: Author,
): void {
  const choice = random.next();
  if (choice < 0.45) {
    const big = random.chance(0.1) ? 60_000 : 600;
    const incoming = Array.from({ length: random.int(1, 200) }, () =>
      author.own({
        payload: {
          path: `d${random.int(1, 9)}/f${random.int(1, 400)}`,
          text: 'x'.repeat(random.int(1, big)),
        },
      }),
    );
    const { records, take } = intake.admit(incoming);
    log.append(records, (hash) => signHash(hash, node.privateKey));
    take();
  } else if (choice < 0.65) index.applyUpTo(Number.MAX_SAFE_INTEGER);
  else if (choice < 0.85) {
    let tick = Math.max(audit.newest(), baseTime) - baseTime;
    const events = Array.from({ length: random.int(1, 300) }, () =>
      auditEvent(++tick, {
        action: random.pick(['acquired', 'denied', 'released', 'forced'] as const),
        holder: `claude:${random.int(1, 20)}`,
        lock: `lock-${random.int(1, 200)}`,
        targets: Array.from(
          { length: random.int(1, random.chance(0.02) ? 200 : 3) },
          (_, at) => `src/f${at}`,
        ),
      }),
    );
    const records = events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) }));
    audit.append(records, random.pick([0, 100, Number.POSITIVE_INFINITY]));
  } else if (choice < 0.93) {
    const { clock } = log.headState();
    const before = (clock - random.int(0, 2000)) as HlcTime;
    for (const _ of compactLog(
      log.view,
      index.tables,
      { before },
      { maxPerTransaction: random.int(5, 500) },
    ));
  } else {
    const before = Math.max(0, audit.newest() - random.int(0, 3000)) as HlcTime;
    for (const _ of compactAudit(audit.tables, before, { maxPerTransaction: random.int(5, 500) }));
  }
}

for (;;) await session();
