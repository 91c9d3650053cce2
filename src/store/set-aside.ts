/** Where files are kept that are no stores any more: damaged ones, and what somebody has put in the place of one. Nothing there is ever removed. */
import { copyFile, link } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** @param store the directory of any store. */
export function asideDirectory(store: string): string {
  return join(dirname(store), 'damaged');
}

/** Of a directory below `asideDirectory`: they sort by time. */
export function asideName(wallMs: number, what: string): string {
  return `${new Date(wallMs).toISOString().replaceAll(/[:.]/g, '-')}-${what}`;
}

/** Gives a file a second name, before it loses the first. */
export async function keepFile(file: string, name: string): Promise<void> {
  try {
    await link(file, name);
  } catch {
    // A file system without links takes a copy.
    await copyFile(file, name);
  }
}
