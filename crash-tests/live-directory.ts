/** Changes of directories in which a daemon makes files meanwhile: what it made comes in the way, and the change is tried again. */
import { renameSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const mostTries = 50;
const againMs = 20;

export function deleteDirectory(directory: string): Promise<void> {
  return tryAgain(() => rmSync(directory, { recursive: true, force: true }));
}

/** `from` takes the place of `to` with all that is in it. */
export function putInPlace(from: string, to: string): Promise<void> {
  return tryAgain(() => {
    rmSync(to, { recursive: true, force: true });
    renameSync(from, to);
  });
}

async function tryAgain(change: () => void): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      change();
      return;
    } catch (error) {
      if (tries === mostTries) throw error;
      await delay(againMs);
    }
  }
}
