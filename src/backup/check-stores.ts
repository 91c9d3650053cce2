/** Opens the stores of a copy and walks every record. Only for a process of its own: LMDB ends the one that meets certain damage. */
import { CollabError } from '../base/errors.ts';
import { openAuditTables } from '../store/audit-tables.ts';
import { openDeltaEnvironment } from '../store/delta-log.ts';
import type { Environment } from '../store/environment.ts';
import { LogView } from '../store/log-view.ts';
import { verifyOpen } from '../store/verify.ts';
import type { VerifyProgress } from '../store/verify-report.ts';
import { withViews } from '../store/view-directory.ts';
import type { StoreCheck } from './manifest.ts';

/** Where the stores of a copy lie; undefined: the copy has none. Each directory holds a data.mdb. */
export interface CopiedStores {
  readonly delta: string | undefined;
  readonly audit: string | undefined;
  /** A directory to work in, made and removed. */
  readonly scratch: string;
}

const readOnly = { readOnly: true } as const;

/** Never throws for what is wrong with the stores: that is the result. */
export async function checkStores(
  { scratch, ...stores }: CopiedStores,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<StoreCheck> {
  try {
    return await withViews(scratch, stores, (views) => checkViews(views, onProgress));
  } catch (error) {
    if (error instanceof CollabError && error.code === 'STORE_DAMAGED') return damagedStores(error.message);
    throw error;
  }
}

async function checkViews(
  { delta, audit }: Omit<CopiedStores, 'scratch'>,
  onProgress: (progress: VerifyProgress) => void,
): Promise<StoreCheck> {
  const opened: Environment[] = [];
  try {
    const log = delta === undefined ? undefined : openDeltaEnvironment(delta, readOnly);
    if (log !== undefined) opened.push(log);
    const trail = audit === undefined ? undefined : await openAuditTables(audit, readOnly);
    if (trail !== undefined) opened.push(trail.environment);
    const targets = {
      ...(log === undefined ? {} : { log: new LogView(log) }),
      ...(trail === undefined ? {} : { audit: trail }),
    };
    const { sound, checked, problems } = await verifyOpen(targets, { onProgress });
    const told = problems.map(({ store, where, what }) => `${store}, ${where}: ${what}`);
    return { sound, deltas: checked.deltas, auditEvents: checked.auditEvents, problems: told };
  } finally {
    for (const environment of opened.reverse()) await environment.close();
  }
}

export function damagedStores(problem: string): StoreCheck {
  return { sound: false, deltas: 0, auditEvents: 0, problems: [problem] };
}
