/** Opens the stores of a copy and walks every record. Only for a process of its own: LMDB ends the one that meets certain damage. */
import { mkdir } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import { openAuditTables } from '../store/audit-tables.ts';
import { openDeltaEnvironment } from '../store/delta-log.ts';
import type { Environment } from '../store/environment.ts';
import { LogView } from '../store/log-view.ts';
import { verifyOpen } from '../store/verify.ts';
import type { VerifyProgress } from '../store/verify-report.ts';
import { makeView } from '../store/view-directory.ts';
import { removeTree } from './copy-tree.ts';
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
  { delta, audit, scratch }: CopiedStores,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<StoreCheck> {
  await removeTree(scratch);
  await mkdir(scratch, { mode: 0o700 });
  const opened: Environment[] = [];
  try {
    const log =
      delta === undefined
        ? undefined
        : openDeltaEnvironment(await makeView(scratch, 'delta', delta), readOnly);
    if (log !== undefined) opened.push(log);
    const trail =
      audit === undefined
        ? undefined
        : await openAuditTables(await makeView(scratch, 'audit', audit), readOnly);
    if (trail !== undefined) opened.push(trail.environment);
    const targets = {
      ...(log === undefined ? {} : { log: new LogView(log) }),
      ...(trail === undefined ? {} : { audit: trail }),
    };
    const { sound, checked, problems } = await verifyOpen(targets, { onProgress });
    const told = problems.map(({ store, where, what }) => `${store}, ${where}: ${what}`);
    return { sound, deltas: checked.deltas, auditEvents: checked.auditEvents, problems: told };
  } catch (error) {
    if (error instanceof CollabError && error.code === 'STORE_DAMAGED') return damagedStores(error.message);
    throw error;
  } finally {
    for (const environment of opened.reverse()) await environment.close();
    await removeTree(scratch);
  }
}

export function damagedStores(problem: string): StoreCheck {
  return { sound: false, deltas: 0, auditEvents: 0, problems: [problem] };
}
