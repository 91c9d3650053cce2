// @ts-expect-error TS7016: the package ships no types; `tryLock` below says what is used of it.
import { tryLock as tryKernelLock } from 'fs-native-extensions';

/**
 * Asks the kernel for an exclusive lock on an open file; false when another open of that file holds it. It ends when the file is
 * closed, and so with its process, however that went. @throws NodeJS.ErrnoException where the file system has no locks.
 */
export const tryLock: (fd: number) => boolean = tryKernelLock;
