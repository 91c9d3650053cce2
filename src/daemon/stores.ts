/** What the daemon needs of its stores, whatever they are kept in. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { LaneView, StatusView, VerifyView } from '../control/results.ts';
import type { FenceBlock } from '../lock/fence.ts';
import type { AuditStore } from '../store/audit-store.ts';
import type { DeltaStore } from '../store/delta-store.ts';

/**
 * Fences reserved at a time. Each start skips the rest of its block, so 2^53 numbers are good for 5 · 10^8 starts; a
 * block lasts for 16 million grants, days before the next reservation would be missed on a disk that is full.
 */
export const fenceBlock = 2 ** 24;

export interface OpenStores {
  readonly kind: 'lmdb' | 'memory';
  readonly deltas: DeltaStore;
  readonly audit: AuditStore;
  /** The block of fences that this process may give out; on disk already. */
  readonly fences: FenceBlock;
  /** The newest time in the stores: the clock goes on behind it. */
  readonly newest: HlcTime;
  /** What was found and done at the start, for people. */
  readonly findings: readonly string[];
  /** Resolves once fences below `upTo` are reserved on disk. */
  reserveFences(upTo: number): Promise<void>;
  lanes(): Readonly<Record<keyof StatusView['lanes'], LaneView>>;
  /** What does not work at the moment, in sentences. */
  warnings(): readonly string[];
  /** Why deltas are refused for good, if they are. */
  readOnlyReason(): string | undefined;
  verify(): Promise<VerifyView>;
  close(): Promise<void>;
}
