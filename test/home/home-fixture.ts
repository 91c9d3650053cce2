import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

/** A fresh directory that is removed when the test file is done. */
export function scratchDirectory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-home-')));
  after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Child {
  readonly process: ChildProcess;
  /** The next line of its output, undefined once it has ended. */
  line(): Promise<string | undefined>;
  /** Sends a signal and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Closes its input and waits until it is gone. */
  end(): Promise<void>;
}

/**
 * Runs `body` (JavaScript, with `home` for the folder of the sources, `argv` for its arguments and `print` for a line of
 * output) in a process of its own. It goes on until its input is closed.
 */
export function startChild(body: string, argv: readonly string[], wrapper: readonly string[] = []): Child {
  const home = new URL('../../src/home/', import.meta.url).href;
  const script = `
    const home = ${JSON.stringify(home)};
    const argv = process.argv.slice(1);
    const print = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    const inputEnd = new Promise((resolve) => process.stdin.on('end', resolve).resume());
    ${body}`;
  const [command = process.execPath, ...args] = [
    ...wrapper,
    process.execPath,
    ...['--import', 'tsx', '--input-type=module', '-e', script, ...argv],
  ];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    line: async () => (await lines.next()).value,
    kill: async (signal) => {
      child.kill(signal);
      await gone;
    },
    end: async () => {
      child.stdin.end();
      await gone;
    },
  };
}
