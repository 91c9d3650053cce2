/**
 * Walks everything that is stored and says what is wrong: meant for a stopped daemon, or for a worker beside a running one. Each `next()`
 * looks at a bounded number of records in a snapshot of its own, and yields how far it is.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type AuditTables, openAuditTables } from './audit-tables.ts';
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
  /** For a stopped daemon, so that nothing is created. Not inside a process that writes. @default false */
  readonly readOnly?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** A look takes some 0.1 s, in which a busy store commits ten times; it needs one pause of its writers. */
const maxLiveAttempts = 50;
const livePauseMs = 20;
/** About 20 ms with hashing; signatures come on top. */
const defaultVerifyStep = 2000;

/**
 * Looks through the pages of each file first, and opens only what LMDB can be let at: one that it would stumble over is reported
 * by its pages. Then opens handles of its own, walks everything and closes them. Lets the event loop turn after each step.
 */
export async function verifyStores(places: VerifyPlaces, options: VerifyOptions = {}): Promise<VerifyResult> {
  const opened: Environment[] = [];
  const check = await checkLive(places);
  const report = new VerifyReport();
  for (const { problems } of [check.delta, check.index, check.audit])
    for (const { store, where, what } of problems) report.add(store, where, what);
  try {
    const targets = await openTargets(places, options, check, opened);
    return await verifyOpen(targets, options, report);
  } finally {
    for (const environment of opened.reverse()) await environment.close();
  }
}

async function openTargets(
  places: VerifyPlaces,
  options: VerifyOptions,
  check: StartCheck,
  opened: Environment[],
): Promise<VerifyTargets> {
  const targets: { log?: LogView; index?: IndexTables; audit?: AuditTables } = {};
  // Nothing is made where nothing is.
  if (check.delta.state === 'sound') {
    const delta = openDeltaEnvironment(places.delta, options);
    opened.push(delta);
    targets.log = new LogView(delta);
    if (check.index.state === 'sound') {
      const index = openIndexEnvironment(places.index, options);
      opened.push(index);
      targets.index = new IndexTables(index);
    }
  }
  if (check.audit.state === 'sound') {
    targets.audit = await openAuditTables(places.audit, options);
    opened.push(targets.audit.environment);
  }
  return targets;
}

/**
 * The stores may be written meanwhile. A page that is reused while it is looked at is no damage: what is found counts only when
 * no transaction has come in between, or when it is found each time.
 */
async function checkLive(places: VerifyPlaces): Promise<StartCheck> {
  for (let attempt = 1; ; attempt++) {
    const before = transactions(places);
    const check = await checkAtStart(places);
    if (check.sound || attempt === maxLiveAttempts || transactions(places) === before) return check;
    await setTimeout(livePauseMs);
  }
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
