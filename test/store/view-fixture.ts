/** A store that this process writes while another opens it: for view-directory.test.ts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dataFileName } from '../../src/store/data-file.ts';
import { openEnvironment } from '../../src/store/environment.ts';

const reader = fileURLToPath(new URL('view-reader.ts', import.meta.url));
export const entries = 300;
export const key = (at: number) => Buffer.from(`key ${String(at).padStart(4, '0')}`);

/** A store whose every write is told from the others, and sees whether the one before it is there. */
export function openStore(directory: string) {
  const environment = openEnvironment(directory, { durability: 'flush', writer: true });
  const table = environment.table('t');
  let writes = 0;
  return {
    environment,
    writes: () => writes,
    write() {
      environment.write(() => {
        if (writes > 0) assert.equal(table.get(key(0))?.toString(), `write ${writes}`, 'a commit is gone');
        for (let at = 0; at < entries; at += 1) table.put(key(at), Buffer.from(`write ${writes + 1}`));
      });
      writes += 1;
    },
  };
}

interface Read {
  /** The newest write when the other process had taken its snapshot. */
  readonly newest: number;
  readonly found: readonly string[];
}

/**
 * Another process opens the store and takes a snapshot, then reads it, while this one writes now and then.
 * @param mapTakesMs how long LMDB is kept between its look for the newest transaction and its telling of it.
 */
export async function readBeside(
  store: ReturnType<typeof openStore>,
  how: 'view' | 'itself',
  mapTakesMs: number,
): Promise<Read> {
  const { directory } = store.environment;
  const program = ['--import', import.meta.resolve('tsx'), reader, directory, how];
  const watched = join(realpathSync(directory), dataFileName);
  const inject = `inject=mmap:delay_enter=${mapTakesMs * 1000}`;
  const trace = `-f --seccomp-bpf -o /dev/null -e trace=mmap -e ${inject} -P`.split(' ');
  const slowly = [...trace, watched, process.execPath, ...program];
  const child = mapTakesMs === 0 ? spawn(process.execPath, program) : spawn('strace', slowly);
  const closed = once(child, 'close');
  let [out, errors] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (errors += text));
  let newest = 0;
  try {
    while (child.exitCode === null && child.signalCode === null) {
      store.write();
      if (newest === 0 && out.startsWith('reading\n')) newest = store.writes();
      if (newest > 0 && store.writes() === newest + 20) child.stdin.end('go on\n');
      // Longer than a commit: what LMDB tells amid one is put right at its end.
      await delay(5);
    }
    await closed;
    assert.equal(child.exitCode, 0, errors);
  } finally {
    child.kill('SIGKILL');
  }
  return { newest, found: JSON.parse(out.slice('reading\n'.length)) };
}
