/**
 * Walks everything that is stored and says what is wrong: meant for a stopped daemon, or for a worker beside a running one. Each `next()`
 * looks at a bounded number of records in a snapshot of its own, and yields how far it is.
 */
import { setImmediate } from 'node:timers/promises';
import { type AuditTables, openAuditTables } from './audit-tables.ts';
import { openIndexEnvironment } from './delta-index.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import type { Environment } from './environment.ts';
import { IndexTables } from './index-tables.ts';
import { LogView } from './log-view.ts';
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

/** About 20 ms with hashing; signatures come on top. */
const defaultVerifyStep = 2000;

/** Opens handles of its own, walks everything and closes them. Lets the event loop turn after each step. */
export async function verifyStores(places: VerifyPlaces, options: VerifyOptions = {}): Promise<VerifyResult> {
  const opened: Environment[] = [];
  try {
    const delta = openDeltaEnvironment(places.delta, options);
    opened.push(delta);
    const index = openIndexEnvironment(places.index, options);
    opened.push(index);
    const audit = await openAuditTables(places.audit, options);
    opened.push(audit.environment);
    const targets = { log: new LogView(delta), index: new IndexTables(index), audit };
    const steps = verifySteps(targets, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      options.onProgress?.(step.value);
      await setImmediate();
    }
  } finally {
    for (const environment of opened.reverse()) await environment.close();
  }
}

/** The same, a bounded step at a time, over what is open. */
export function* verifySteps(
  { log, index, audit }: VerifyTargets,
  options: Pick<VerifyOptions, 'step'> = {},
): Generator<VerifyProgress, VerifyResult> {
  const report = new VerifyReport();
  const step = options.step ?? defaultVerifyStep;
  if (log !== undefined) {
    log.environment.refresh();
    yield* verifyLog(log, report, step);
    if (index !== undefined) yield* verifyIndex(log, index, report, step);
  }
  if (audit !== undefined) yield* verifyAudit(audit, report, step);
  return report.result();
}
