/** Runs the program as its users do: as a process, with a data directory and a git repository of its own. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { program } from '../support/built-program.ts';
import { assertFits, schemaOf } from './json-schema.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface EnvelopeOf {
  readonly ok: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: a test names the fields that it looks at
  readonly data?: any;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly next?: string;
    // biome-ignore lint/suspicious/noExplicitAny: as above
    readonly details?: any;
  };
  readonly notices?: readonly { readonly lockId: string; readonly kind: string }[];
}

export class CliFixture {
  readonly home: string;
  readonly repository: string;
  readonly #directory: string;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor() {
    this.#directory = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-cli-')));
    this.home = join(this.#directory, 'home');
    this.repository = join(this.#directory, 'repository');
    mkdirSync(join(this.repository, 'src'), { recursive: true });
    writeFileSync(join(this.repository, 'src', 'login.ts'), 'export const one = 1;\n'.repeat(60));
    execFileSync('git', ['init', '-q'], { cwd: this.repository });
    execFileSync('git', ['remote', 'add', 'origin', 'https://example.org/acme/app.git'], {
      cwd: this.repository,
    });
  }

  /** A path beside the repository and the data directory. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  /** Node, and what makes it the program. */
  commandLine(): readonly [string, ...string[]] {
    const { nodeArguments, root, extension } = program();
    return [process.execPath, ...nodeArguments, join(root, `src/cli/main.${extension}`)];
  }

  async run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const child = this.spawn(args, options);
    child.stdin.end(options.input ?? '');
    return finished(child);
  }

  /** With --json: checks that standard output is exactly one document, and the one that docs/schemas/ promises. */
  async json(
    args: readonly string[],
    options: CliOptions = {},
  ): Promise<EnvelopeOf & { readonly exit: number | null }> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options);
    const lines = stdout.split('\n');
    if (lines.length !== 2 || lines[1] !== '') throw new Error(`not one line: ${stdout}\n${stderr}`);
    const envelope = JSON.parse(lines[0] ?? '') as EnvelopeOf;
    assertFits(schemaOf(args), envelope);
    return { ...envelope, exit: code };
  }

  spawn(args: readonly string[], { env = {}, cwd }: CliOptions = {}): ChildProcessWithoutNullStreams {
    const [node, ...before] = this.commandLine();
    const child = spawn(node, [...before, ...args], {
      cwd: cwd ?? this.repository,
      // Nothing of the session that runs the tests: its harness would be the agent.
      env: { PATH: process.env.PATH ?? '', HOME: this.#directory, AGENT_COLLAB_HOME: this.home, ...env },
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends whatever still runs, the daemon in the background too. */
  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    const pid = this.daemonPid();
    if (pid !== undefined) killQuietly(pid);
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  daemonPid(): number | undefined {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.home, 'daemon.json'), 'utf8')) as { pid: number };
      return pid === process.pid ? undefined : pid;
    } catch {
      return undefined;
    }
  }
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A program that refuses its arguments does not read its input.
  child.stdin.on('error', () => {});
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** The lines of standard output as they come. */
export function linesOf(child: ChildProcessWithoutNullStreams): AsyncIterator<string> {
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
