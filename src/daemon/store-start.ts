/**
 * What happens to the stores before the first request: leftovers are cleared away, every page is looked at before LMDB is let at
 * it, what is damaged is set aside and repaired, and fences are reserved.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { type FenceBlock, fenceBlock } from '../lock/fence.ts';
import type { StorePlaces } from '../offload/contract.ts';
import { removeCopy } from '../offload/store-swap.ts';
import { verifyInChild } from '../offload/verify-child.ts';
import { AuditWriter } from '../store/audit-log.ts';
import { DeltaIndexWriter } from '../store/delta-index.ts';
import { DeltaLogWriter } from '../store/delta-log.ts';
import type { LogState } from '../store/log-view.ts';
import { asideDirectory } from '../store/set-aside.ts';
import { checkAtStart, type StartCheck } from '../store/start-check.ts';
import { storeNames } from '../store/store-copy.ts';
import type { VerifyResult } from '../store/verify.ts';
import { lostText } from '../store/verify-report.ts';
import type { StoreStart } from './stores.ts';

export interface PreparedStores {
  readonly state: LogState;
  readonly fences: FenceBlock;
  readonly newest: HlcTime;
  /** What was found and done, for people. */
  readonly findings: readonly string[];
  readonly started: StoreStart;
}

/**
 * The first look at each environment, before any worker has it: creates it, checks it, begins a missing index, and reserves the
 * fences of this process. Closed again: from here on the lanes are the only writers.
 * @throws SCHEMA_NEWER, KEY_INVALID, STORE_DAMAGED, STORE_UNAVAILABLE.
 */
export async function prepareStores(
  places: StorePlaces,
  onStep: (what: string) => void = () => {},
): Promise<PreparedStores> {
  for (const store of storeNames) await removeCopy(places[store]);
  const check = await checkAtStart(places);
  const findings = await mend(places, check, onStep);
  const { mapSizeBytes, node } = places;
  const log = await DeltaLogWriter.open(places.delta, { node, mapSizeBytes });
  try {
    const state = log.headState();
    failpoint('start.log');
    const audit = await AuditWriter.open(places.audit, { mapSizeBytes });
    const auditNewest = audit.newest();
    const newest = Math.max(state.clock, auditNewest) as HlcTime;
    await audit.close();
    if (state.fence === 0 && newest > 0) throw logIsGone(places.delta);
    const startFloor = state.fence + 1;
    const fences = { startFloor, reservedUntil: startFloor + fenceBlock };
    log.reserveFences(fences.reservedUntil, auditNewest);
    failpoint('start.fences');
    const index = await DeltaIndexWriter.open(places.index, log.view, { mapSizeBytes });
    const indexed = index.applied();
    if (index.rebuilding && state.head > 0) {
      const was = check.index.state === 'absent' ? 'missing' : 'damaged, or of another log,';
      findings.push(`the index was ${was} and is being rebuilt while the daemon serves`);
    }
    await index.close();
    failpoint('start.index');
    return { state, fences, newest, findings, started: { head: state.head, indexed } };
  } finally {
    await log.close();
  }
}

/** An index that is damaged is begun anew while the daemon serves; for the others everything waits. */
async function mend(
  places: StorePlaces,
  check: StartCheck,
  onStep: (what: string) => void,
): Promise<string[]> {
  if (check.sound) return [];
  const damaged = storeNames.filter((store) => check[store].state === 'damaged');
  if (damaged.every((store) => store === 'index')) {
    rmSync(places.index, { recursive: true, force: true });
    return [];
  }
  const { delta, index, audit, mapSizeBytes, node } = places;
  const { repaired, sound, problems } = await verifyInChild(
    {
      places: { delta, index, audit },
      mapSizeBytes,
      repair: { node, asideDirectory: asideDirectory(places.delta) },
    },
    ({ store, done, total }) => onStep(`repairing the stores: ${store}, ${done} of ${total}`),
  );
  if (repaired === undefined || !sound) throw notRepaired(places, problems);
  const { lost, aside } = repaired;
  const what = damaged.map((store) => `${store} (${check[store].problems[0]?.what ?? 'damaged'})`).join(', ');
  return [
    `damage was found and repaired in ${what}; lost: ${lostText(lost)}; ` +
      `the damaged files are kept in ${aside.join(', ')}`,
  ];
}

function notRepaired({ delta }: StorePlaces, problems: VerifyResult['problems']): CollabError {
  return new CollabError('STORE_DAMAGED', 'the stores are damaged and could not be repaired', {
    next: 'Restore a backup: agent-collab restore. The files are as they were.',
    details: { directory: dirname(delta), problems },
  });
}

/** Each start reserves fences in the log before it audits anything: a trail beside a log without fences had another log. */
function logIsGone(directory: string): CollabError {
  return new CollabError(
    'STORE_DAMAGED',
    `the log in ${directory} is empty, but the audit trail beside it is not`,
    {
      next: 'Put the log back. To begin anew, with a new identity, move the whole data directory away.',
      details: { directory },
    },
  );
}
