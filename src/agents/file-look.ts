/** How a file stands at one moment: enough to tell whether it changed, and where. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';

export interface FileLook {
  /** `sha256:…`; `absent`; for what is too large to read each time, its size and time of change. */
  readonly hash: string;
  /** Of a text file that is not too large. */
  readonly text?: string;
  readonly isDirectory: boolean;
}

/** Source files are smaller. A larger one is leased as a whole and compared by its time of change. */
const maxTextBytes = 1024 * 1024;
/** What is kept of files that were looked at lately: an agent edits a few files again and again. */
const maxKept = 500;
const maxKeptBytes = 16 * 1024 * 1024;
/** A file that was written so lately may be written again within one tick of its time stamp. */
const settledMs = 100;

const absent: FileLook = Object.freeze({ hash: 'absent', isDirectory: false });

interface Kept {
  readonly stamp: string;
  readonly look: FileLook;
  readonly bytes: number;
}

export class FileLooks {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Never throws: what cannot be read is as good as absent, and the write itself will say so. */
  async at(path: string): Promise<FileLook> {
    try {
      const found = await stat(path, { bigint: true });
      if (found.isDirectory()) return { hash: 'directory', isDirectory: true };
      const stamp = `${found.size}:${found.mtimeNs}:${found.ctimeNs}:${found.ino}`;
      // Reading a pipe or a device could wait for ever.
      if (!found.isFile() || found.size > maxTextBytes) return { hash: `stat:${stamp}`, isDirectory: false };
      const kept = this.#kept.get(path);
      if (kept?.stamp === stamp) return kept.look;
      const look = lookOf(await readFile(path));
      const ageMs = this.#clock.wallMs() - Number(found.ctimeMs);
      if (ageMs > settledMs) this.#keep(path, { stamp, look, bytes: Number(found.size) });
      return look;
    } catch {
      return absent;
    }
  }

  #keep(path: string, kept: Kept): void {
    this.#drop(path);
    this.#kept.set(path, kept);
    this.#keptBytes += kept.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxKept && this.#keptBytes <= maxKeptBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(path: string): void {
    this.#keptBytes -= this.#kept.get(path)?.bytes ?? 0;
    this.#kept.delete(path);
  }
}

function lookOf(bytes: Uint8Array): FileLook {
  const hash = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (bytes.includes(0) || !isUtf8(bytes)) return { hash, isDirectory: false };
  return {
    hash,
    text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
    isDirectory: false,
  };
}
