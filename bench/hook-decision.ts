import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { DaemonProcess } from '../crash-tests/daemon-process.ts';
import { readDaemonAddress } from '../src/cli/daemon-address.ts';
import type { ControlClient } from '../src/control/client.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency } from './harness/measure.ts';

/** Under the burst that one agent may make (SPEC §3). */
const leasesPerAgent = 100;
/** Lines of the file that is edited: each edit of free lines takes one of them. */
const fileLines = 20_000;

/** A PreToolUse event of Claude Code over HTTP on 127.0.0.1, as its `http` hooks send it, one after the other. */
export const hookDecision: BenchSpec = {
  name: 'hook-decision',
  about: 'the decision on an edit, over HTTP, on a daemon with many leases',
  async run(context) {
    const held = context.smoke ? 100 : 10_000;
    const home = join(context.scratch, 'home');
    const repo = join(context.scratch, 'repo');
    writeRepository(repo);
    const daemon = new DaemonProcess(home, 'sources');
    await daemon.ready();
    const client = daemon.client();
    const hooks = new HookCaller(home, repo);
    try {
      await holdLeases(client, repo, held);
      await client.call('lock.acquire', {
        agent: 'other',
        cwd: repo,
        targets: ['src/held.ts'],
        intention: 'bench',
      });
      const targets = [{ field: 'p50', bound: 'at most', value: 1000 }] as const;
      const line = hooks.counter();
      return [
        {
          what: `own lines, ${held} leases`,
          ...(await hooks.measure(context, () => ['edit.ts', 7, 'own'])),
          targets,
        },
        {
          what: `free lines, ${held} leases`,
          ...(await hooks.measure(context, () => [
            'long.ts',
            line() % fileLines,
            `s${Math.floor(line() / 100)}`,
          ])),
          targets,
        },
        {
          what: `held lines, ${held} leases`,
          ...(await hooks.measure(context, () => ['held.ts', 3, 'own'])),
          targets,
        },
        {
          what: `a shell command, ${held} leases`,
          ...(await hooks.measure(context, () => undefined)),
          targets,
        },
      ];
    } finally {
      client.close();
      hooks.close();
      await daemon.stop();
    }
  },
};

function writeRepository(repo: string): void {
  mkdirSync(join(repo, 'src'), { recursive: true });
  execFileSync('git', ['init', '-q'], { cwd: repo });
  execFileSync('git', ['remote', 'add', 'origin', 'https://example.com/acme/bench.git'], { cwd: repo });
  const lines = (count: number) => Array.from({ length: count }, (_, at) => `line-${at};\n`).join('');
  for (const name of ['edit.ts', 'held.ts']) writeFileSync(join(repo, 'src', name), lines(200));
  writeFileSync(join(repo, 'src', 'long.ts'), lines(fileLines));
}

async function holdLeases(client: ControlClient, cwd: string, held: number): Promise<void> {
  for (let at = 0; at < held; at += leasesPerAgent) {
    const agent = `holder-${at / leasesPerAgent}`;
    const claims = Array.from({ length: Math.min(leasesPerAgent, held - at) }, (_, one) => ({
      agent,
      cwd,
      targets: [`src/file-${at + one}.ts:10-20`],
      intention: 'bench',
      ttlMs: 3_600_000,
    }));
    await Promise.all(claims.map((claim) => client.call('lock.acquire', claim)));
  }
}

/** What to edit: the file, the line and who; undefined for a shell command that writes nothing. */
type Drawn = readonly [string, number, string] | undefined;

class HookCaller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #home: string;
  readonly #repo: string;

  constructor(home: string, repo: string) {
    this.#home = home;
    this.#repo = repo;
  }

  counter(): () => number {
    let at = 0;
    return () => at++;
  }

  async measure(context: Parameters<typeof latency>[0], draw: () => Drawn) {
    const checksum = new WorkChecksum();
    checksum.bytes(
      Buffer.from((await this.#ask(draw())).replace(/for another [^(]*/, '').replace(/lock lk_\w+/, '')),
    );
    return { ...(await latency(context, () => this.#ask(draw()))), checksum: checksum.hex };
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(drawn: Drawn): Promise<string> {
    const address = readDaemonAddress(this.#home);
    const [file, line, session] = drawn ?? ['', 0, 'own'];
    const body = JSON.stringify({
      session_id: session,
      transcript_path: '/t.jsonl',
      cwd: this.#repo,
      hook_event_name: 'PreToolUse',
      ...(drawn === undefined
        ? { tool_name: 'Bash', tool_input: { command: 'git status && npm test | tail -5' } }
        : {
            tool_name: 'Edit',
            tool_input: {
              file_path: join(this.#repo, 'src', file),
              old_string: `line-${line};`,
              new_string: 'x',
            },
          }),
    });
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: address?.port,
          path: '/v1/hook/claude',
          method: 'POST',
          agent: this.#agent,
          headers: { authorization: `Bearer ${address?.token}`, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(text));
          });
        },
      );
      sent.once('error', reject).end(body);
    });
  }
}
