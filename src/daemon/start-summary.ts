/** What a start found and did, in sentences: one line for an unclean end, and one for each thing that was not as it should be. */
import { counted } from '../base/counted.ts';
import type { DaemonRecord } from '../home/daemon-record.ts';
import type { StoreStart } from './stores.ts';

export interface StartFindings {
  /** What the daemon before left in daemon.json: it removes that when it ends in order. */
  readonly leftBehind: Pick<DaemonRecord, 'pid' | 'startedAt'> | undefined;
  readonly kind: 'lmdb' | 'memory';
  readonly started: StoreStart;
  /** What was found in the stores and repaired. */
  readonly findings: readonly string[];
  /** Leases that ended with the process before. */
  readonly lostLocks: number;
}

export function summarize(found: StartFindings): readonly string[] {
  const { leftBehind, kind, started, findings, lostLocks } = found;
  const told =
    lostLocks === 0 ? [] : [`${counted(lostLocks, 'lock')} ended with it, and the holders will be told`];
  if (leftBehind === undefined || kind === 'memory') {
    const ended = told.map(
      () => `${counted(lostLocks, 'lock')} ended with the process before; the holders will be told`,
    );
    return [...findings, ...ended];
  }
  const { head, indexed } = started;
  const behind = head - indexed;
  const did = [
    findings.length === 0
      ? 'every page of the stores was checked and is sound'
      : 'the stores were checked and mended',
    `the log ends at ${head}`,
    ...(behind > 0 ? [`the index is ${behind} behind and catches up`] : []),
    ...told,
  ];
  const { pid, startedAt } = leftBehind;
  return [
    `the daemon before (pid ${pid}, started ${startedAt}) did not end in order: ${did.join('; ')}`,
    ...findings,
  ];
}
