import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { ControlClient } from '../../src/control/client.ts';
import type { Notice } from '../../src/control/results.ts';
import { Daemon } from '../../src/daemon/daemon.ts';

/** A data directory and a git repository that vanish with the test, and daemons on them. */
export class Place {
  readonly root = mkdtempSync(join(tmpdir(), 'agent-collab-daemon-'));
  readonly home = join(this.root, 'home');
  readonly repo = join(this.root, 'repo');
  readonly #started: RunningDaemon[] = [];

  constructor(t: TestContext, config: Readonly<Record<string, unknown>> = {}) {
    // One hook: node:test runs hooks in the order in which they are added, and a directory goes after what uses it.
    t.after(async () => {
      for (const running of this.#started) await running.close();
      rmSync(this.root, { recursive: true, force: true });
    });
    mkdirSync(this.home);
    mkdirSync(join(this.repo, 'src'), { recursive: true });
    writeFileSync(join(this.home, 'config.json'), JSON.stringify(config));
    writeFileSync(join(this.repo, 'src', 'a.ts'), 'one\ntwo\nthree\n');
    const git = (...words: string[]) => execFileSync('git', ['-C', this.repo, ...words], { stdio: 'ignore' });
    git('init', '--quiet');
    git('remote', 'add', 'origin', 'https://example.com/acme/app.git');
  }

  async start(options: { readonly memory?: boolean } = {}): Promise<RunningDaemon> {
    const daemon = await Daemon.open({ home: this.home, logger: silentLogger, ...options });
    const running = new RunningDaemon(daemon, this.repo);
    this.#started.push(running);
    return running;
  }
}

export class RunningDaemon {
  readonly daemon: Daemon;
  readonly client: ControlClient;
  /** Of all answers so far. */
  readonly notices: Notice[] = [];
  readonly #repo: string;

  constructor(daemon: Daemon, repo: string) {
    this.daemon = daemon;
    this.#repo = repo;
    const { socket, port, token } = daemon.record;
    const address = socket === null ? { port, token } : { socketPath: socket };
    this.client = new ControlClient({ ...address, onNotices: (notices) => this.notices.push(...notices) });
  }

  async acquire(
    agent: string,
    targets: string | readonly string[],
    rest: Readonly<Record<string, unknown>> = {},
  ) {
    const { data } = await this.client.call('lock.acquire', {
      agent,
      cwd: this.#repo,
      targets: typeof targets === 'string' ? [targets] : [...targets],
      intention: `${agent} works`,
      ...rest,
    });
    return data.lock;
  }

  async share(agent: string, path: string, content: string) {
    return (await this.client.call('context.share', { agent, cwd: this.#repo, path, content })).data.context;
  }

  async close(): Promise<void> {
    this.client.close();
    await this.daemon.close();
  }
}

/** For `assert.rejects`. */
export function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof CollabError && error.code === expected) return true;
    throw error;
  };
}
