/**
 * Walks everything that is stored and says what is wrong: meant for a stopped daemon, or for a process beside a running one, where it
 * holds one snapshot of each store. Each `next()` looks at a bounded number of records, and yields how far it is.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type AuditTables, openAuditEnvironment, openAuditTables } from './audit-tables.ts';
import { openIndexEnvironment } from './delta-index.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import type { Environment } from './environment.ts';
import { IndexTables } from './index-tables.ts';
import { newestTransaction } from './inspect.ts';
import { LogView } from './log-view.ts';
import { checkAtStart, type StartCheck } from './start-check.ts';
import { verifyAudit } from './verify-audit.ts';
import { verifyIndex } from './verify-index.ts';
import { verifyLog } from './verify-log.ts';
import { type VerifyProgress, VerifyReport, type VerifyResult } from './verify-report.ts';

export type { VerifyProgress, VerifyResult } from './verify-report.ts';

export interface VerifyTargets {
  readonly log?: LogView;
  /** Verified against `log`. */
  readonly index?: IndexTables;
  readonly audit?: AuditTables;
}

export interface VerifyPlaces {
  readonly delta: string;
  readonly index: string;
  readonly audit: string;
}

export interface VerifyOptions {
  /** Records that one step looks at. @default defaultVerifyStep */
  readonly step?: number;
  readonly mapSizeBytes?: number;
  /** So that nothing is created. Not inside a process that writes. @default false */
  readonly readOnly?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** The meta pages themselves are written again and again: one that was just being written is whole at the next look. */
const maxHeldAttempts = 5;
const heldPauseMs = 20;
/** About 20 ms with hashing; signatures come on top. */
const defaultVerifyStep = 2000;

/**
 * Looks through the pages of each file first, and opens only what LMDB can be let at: one that it would stumble over is reported
 * by its pages. Then opens handles of its own, walks everything and closes them. Lets the event loop turn after each step.
 */
export async function verifyStores(places: VerifyPlaces, options: VerifyOptions = {}): Promise<VerifyResult> {
  const opened: HeldStore[] = [];
  const check = await checkLive(places, options);
  const report = new VerifyReport();
  for (const { problems } of [check.delta, check.index, check.audit])
    for (const { store, where, what } of problems) report.add(store, where, what);
  try {
    const targets = await openTargets(places, options, check, { opened, report });
    return await verifyOpen(targets, options, report);
  } finally {
    await letGo(opened);
  }
}

async function openTargets(
  places: VerifyPlaces,
  options: VerifyOptions,
  check: StartCheck,
  { opened, report }: { readonly opened: HeldStore[]; readonly report: VerifyReport },
): Promise<VerifyTargets> {
  /** Its tables are opened before the snapshot is taken, which would not know them. */
  const held = <T>(environment: Environment, tables: () => T): T => {
    const store = { environment, release: () => {} };
    opened.push(store);
    const made = tables();
    store.release = environment.hold();
    return made;
  };
  const targets: { log?: LogView; index?: IndexTables; audit?: AuditTables } = {};
  // Nothing is made where nothing is.
  if (check.delta.state === 'sound') {
    // The index as it is before the log is opened: it must not be ahead. Where the lock file is not shared (view-directory.ts) a snapshot
    // may be older than its moment, but not older than the opening.
    if (check.index.state === 'sound') {
      const environment = openIndexEnvironment(places.index, options);
      const index = held(environment, () =>
        report.attempt('index', 'meta', () => IndexTables.ifCurrent(environment)),
      );
      if (index !== undefined) targets.index = index;
    }
    const environment = openDeltaEnvironment(places.delta, options);
    targets.log = held(environment, () => new LogView(environment));
  }
  if (check.audit.state === 'sound') {
    const audit = await openAuditTables(places.audit, options);
    targets.audit = held(audit.environment, () => audit);
  }
  return targets;
}

/**
 * The stores may be written meanwhile, and a page that is used for something else while it is looked at is no damage. So when a transaction has
 * come in between, the look is made again while readers hold the snapshots: then LMDB uses none of their pages for anything else. In another
 * process than the writer's, which does not see these readers, the writer holds its own (`StoreHandles.pinned`).
 */
async function checkLive(places: VerifyPlaces, options: VerifyOptions): Promise<StartCheck> {
  const before = transactions(places);
  const check = await checkAtStart(places);
  if (check.sound || transactions(places) === before) return check;
  const held = holdStores(places, options);
  try {
    for (let attempt = 1; ; attempt++) {
      const again = await checkAtStart(places);
      if (again.sound || attempt === maxHeldAttempts) return again;
      await setTimeout(heldPauseMs);
    }
  } finally {
    await letGo(held);
  }
}

async function letGo(held: readonly HeldStore[]): Promise<void> {
  for (const { environment, release } of held.toReversed()) {
    release();
    await environment.close();
  }
}

interface HeldStore {
  readonly environment: Environment;
  release: () => void;
}

/** Those that LMDB lets itself be opened: only their meta pages are read for that. */
function holdStores({ delta, index, audit }: VerifyPlaces, options: VerifyOptions): readonly HeldStore[] {
  const there = { ...options, create: false };
  const opens = [
    () => openDeltaEnvironment(delta, there),
    () => openIndexEnvironment(index, there),
    () => openAuditEnvironment(audit, there),
  ];
  const held: HeldStore[] = [];
  for (const open of opens) {
    try {
      const environment = open();
      held.push({ environment, release: environment.hold() });
    } catch {
      // It is looked at all the same, and what it cannot be opened for shows there.
    }
  }
  return held;
}

function transactions({ delta, index, audit }: VerifyPlaces): string {
  return [delta, index, audit].map(newestTransaction).join(' ');
}

/** The same over what is open. Lets the event loop turn after each step. */
export async function verifyOpen(
  targets: VerifyTargets,
  options: Pick<VerifyOptions, 'step' | 'onProgress'> = {},
  report = new VerifyReport(),
): Promise<VerifyResult> {
  const steps = verifySteps(targets, options, report);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    options.onProgress?.(step.value);
    await setImmediate();
  }
}

/** The same, a bounded step at a time. */
export function* verifySteps(
  { log, index, audit }: VerifyTargets,
  options: Pick<VerifyOptions, 'step'> = {},
  report = new VerifyReport(),
): Generator<VerifyProgress, VerifyResult> {
  const step = options.step ?? defaultVerifyStep;
  if (log !== undefined) {
    log.environment.refresh();
    yield* verifyLog(log, report, step);
    if (index !== undefined) yield* verifyIndex(log, index, report, step);
  }
  if (audit !== undefined) yield* verifyAudit(audit, report, step);
  return report.result();
}
