/** The locks of a daemon: alone, and in a cluster. */
import type { Clock } from '../base/clock.ts';
import type { LockId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { randomHex } from '../base/random.ts';
import type { Config } from '../home/config.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import { FenceSource, fenceBlock } from '../lock/fence.ts';
import type { LockTransition } from '../lock/outcome.ts';
import { LockAgreement } from './lock-agreement.ts';
import { LockService } from './lock-service.ts';
import type { PeerService } from './peer-service.ts';
import type { OpenStores } from './stores.ts';

/** Between two attempts to reserve fences on a disk that refuses. */
const reserveRetryMs = 60_000;

export interface LockServicesParts {
  readonly paths: HomePaths;
  readonly key: NodeKey;
  readonly options: Config['locks'];
  readonly stores: OpenStores;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly peers: PeerService;
  readonly onTransition: (transition: LockTransition) => void;
  /** What other nodes hold may have changed. */
  readonly onChangeElsewhere: () => void;
}

export function createLockServices({ key, options, ...parts }: LockServicesParts) {
  const { stores, logger } = parts;
  const fences: FenceSource = new FenceSource(stores.fences, {
    // Half a block early: the disk has hours to take the next reservation.
    lowMark: fenceBlock / 2,
    onLow: () => reserveMore(fences, stores, logger),
  });
  const { partition, ...lockOptions } = options;
  const shared = { ...parts, fences, newLockId: lockIds() };
  const locks = new LockService(shared, lockOptions);
  const agreement = new LockAgreement({ ...shared, self: key.nodeId, partition, lockOptions, locks });
  return { locks, agreement };
}

/** Unique over all processes and cheap: randomness is drawn once, since a draw costs more than a grant. */
function lockIds(): () => LockId {
  const prefix = `lk_${randomHex(5)}`;
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}${count.toString(36)}` as LockId;
  };
}

/** Tries until the disk takes it. */
function reserveMore(fences: FenceSource, stores: OpenStores, logger: Logger): void {
  const upTo = fences.newest + fences.remaining + 1 + fenceBlock;
  stores.reserveFences(upTo).then(
    () => fences.extend(upTo),
    (error: unknown) => {
      logger.error('fences could not be reserved', { error: String(error), remaining: fences.remaining });
      setTimeout(() => reserveMore(fences, stores, logger), reserveRetryMs).unref();
    },
  );
}
