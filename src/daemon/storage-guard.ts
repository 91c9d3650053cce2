/**
 * Keeps the disk from filling up under the stores: warns early, and refuses new deltas while there is still room for what
 * must be written anyway. Locks need no disk and go on.
 */
import { statfs } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

export interface StorageUse {
  /** Bytes of the stores' files. */
  readonly storeBytes: number;
  readonly diskBytes: number;
  readonly freeBytes: number;
}

const warnAt = 0.8;
const refuseAt = 0.95;
const gib = 2 ** 30;
/**
 * A share of the disk alone would refuse on a large disk with a hundred gigabytes free. So the disk counts as nearly full
 * only when little is left in bytes, too.
 */
const warnFreeBytes = 10 * gib;
const refuseFreeBytes = gib;
const checkMs = 5_000;

export type StorageLevel =
  | { readonly level: 'fine' }
  | { readonly level: 'warn' | 'refuse'; readonly message: string };

/** @param maxBytes what the stores may take; null for as much as the disk has. */
export function storageLevel(use: StorageUse, maxBytes: number | null): StorageLevel {
  const ofDisk = 1 - use.freeBytes / use.diskBytes;
  const ofLimit = maxBytes === null ? 0 : use.storeBytes / maxBytes;
  if (ofLimit >= refuseAt)
    return { level: 'refuse', message: `the stores take ${percent(ofLimit)} of storage.maxBytes` };
  if (ofDisk >= refuseAt && use.freeBytes < refuseFreeBytes) {
    return { level: 'refuse', message: `the disk is ${percent(ofDisk)} full` };
  }
  if (ofLimit >= warnAt)
    return { level: 'warn', message: `the stores take ${percent(ofLimit)} of storage.maxBytes` };
  return ofDisk >= warnAt && use.freeBytes < warnFreeBytes
    ? { level: 'warn', message: `the disk is ${percent(ofDisk)} full` }
    : { level: 'fine' };
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

export interface StorageGuardComponents {
  readonly measure: () => Promise<StorageUse>;
  readonly logger: Logger;
}

export class StorageGuard {
  readonly #components: StorageGuardComponents;
  readonly #maxBytes: number | null;
  readonly #timer: NodeJS.Timeout;
  #level: StorageLevel = { level: 'fine' };

  constructor(components: StorageGuardComponents, maxBytes: number | null) {
    this.#components = components;
    this.#maxBytes = maxBytes;
    this.#timer = setInterval(() => void this.check(), checkMs).unref();
  }

  /** Measures anew. A disk that cannot be asked changes nothing: the stores report their own errors. */
  async check(): Promise<void> {
    const { measure, logger } = this.#components;
    try {
      const level = storageLevel(await measure(), this.#maxBytes);
      if (level.level !== this.#level.level && level.level !== 'fine')
        logger.warn(level.message, { room: level.level });
      this.#level = level;
    } catch (error) {
      logger.debug('the room on the disk could not be measured', { error: String(error) });
    }
  }

  /** Why a new delta is refused now, if it is. */
  get refusal(): CollabError | undefined {
    if (this.#level.level !== 'refuse') return undefined;
    return new CollabError('STORE_UNAVAILABLE', `no new deltas are taken: ${this.#level.message}`, {
      next: 'Make room, raise storage.maxBytes, or drop old deltas: agent-collab compact. No restart is needed.',
    });
  }

  get warnings(): readonly string[] {
    return this.#level.level === 'fine' ? [] : [this.#level.message];
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** Of the file system that holds `directory`. */
export async function diskRoom(directory: string): Promise<Pick<StorageUse, 'diskBytes' | 'freeBytes'>> {
  const { blocks, bavail, bsize } = await statfs(directory);
  return { diskBytes: blocks * bsize, freeBytes: bavail * bsize };
}
