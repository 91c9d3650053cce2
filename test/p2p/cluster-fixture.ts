/** Nodes as their users run them: a process each, with a data directory of its own, on loopback. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlClient } from '../../src/control/client.ts';
import type { PeerView } from '../../src/control/cluster-views.ts';
import type { DeltaView } from '../../src/control/results.ts';
import { program } from '../support/built-program.ts';
import type { Host } from './network.ts';

const pollMs = 50;
const thisMachine: Host = { words: [], address: '127.0.0.1' };

/** Asks again until it is so. A state of another process has no other way to be awaited. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  limitMs = 45_000,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs)
      assert.fail(`not within ${limitMs} ms: ${what}${last === undefined ? '' : ` (${String(last)})`}`);
    await delay(pollMs);
  }
}

export class Cluster {
  readonly root = mkdtempSync(join(tmpdir(), 'agent-collab-peers-'));
  readonly repo = join(this.root, 'repo');
  readonly nodes: ClusterNode[] = [];

  constructor(t: { after(end: () => Promise<void>): void }) {
    t.after(async () => {
      for (const node of this.nodes) await node.kill('SIGKILL');
      rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    });
    mkdirSync(this.repo);
    const git = (...words: string[]) => execFileSync('git', ['-C', this.repo, ...words], { stdio: 'ignore' });
    git('init', '--quiet');
    git('remote', 'add', 'origin', 'https://example.com/acme/app.git');
  }

  /** A node that is in no cluster yet, running. */
  async node(name: string, peers: Readonly<Record<string, unknown>> = {}, host?: Host): Promise<ClusterNode> {
    const node = this.idle(name, peers, host);
    await node.start();
    return node;
  }

  /** One that has not been started. */
  idle(name: string, peers: Readonly<Record<string, unknown>> = {}, host: Host = thisMachine): ClusterNode {
    const node = new ClusterNode(this, name, peers, host);
    this.nodes.push(node);
    return node;
  }

  /** Nodes of one cluster, the first of which has made it. */
  async of(...names: string[]): Promise<ClusterNode[]> {
    return Cluster.join(await Promise.all(names.map((name) => this.node(name))));
  }

  /** The same of nodes that run. */
  static async join(nodes: ClusterNode[]): Promise<ClusterNode[]> {
    const [first, ...rest] = nodes;
    assert.ok(first);
    await first.client.call('cluster.init', { name: 'acme' });
    for (const node of rest) await node.joinBy(first);
    return nodes;
  }
}

export class ClusterNode {
  readonly name: string;
  readonly home: string;
  readonly repo: string;
  /** Everything that the process has said on standard error. */
  said = '';
  readonly #host: Host;
  #child: ChildProcess | undefined;
  #client: ControlClient | undefined;

  constructor(cluster: Cluster, name: string, peers: Readonly<Record<string, unknown>>, host: Host) {
    this.name = name;
    this.#host = host;
    this.home = join(cluster.root, name);
    this.repo = cluster.repo;
    mkdirSync(this.home, { mode: 0o700 });
    const settings = { name, listen: host.address, mdns: false, ...peers };
    writeFileSync(join(this.home, 'config.json'), JSON.stringify({ peers: settings }));
  }

  get client(): ControlClient {
    assert.ok(this.#client, `${this.name} is not running`);
    return this.#client;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get clusterFile(): {
    epoch: number;
    secret: string;
    doorKey: string;
    places: Record<string, { main: string[] }>;
    ports: { main: number };
  } {
    return JSON.parse(readFileSync(join(this.home, 'cluster.json'), 'utf8'));
  }

  async start(...words: string[]): Promise<void> {
    const { nodeArguments, root, extension } = program();
    const [command = '', ...rest] = [
      ...this.#host.words,
      process.execPath,
      ...nodeArguments,
      join(root, `src/cli/main.${extension}`),
    ];
    const child = spawn(command, [...rest, 'run', ...words], {
      env: { PATH: process.env.PATH ?? '', HOME: this.home, AGENT_COLLAB_HOME: this.home },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.#child = child;
    const record = await eventually(`${this.name} serves`, async () => {
      assert.equal(child.exitCode, null, this.said);
      const found = JSON.parse(readFileSync(join(this.home, 'daemon.json'), 'utf8')) as {
        pid: number;
        socket: string;
      };
      return found.pid === child.pid ? found : undefined;
    });
    this.#client = new ControlClient({ socketPath: record.socket });
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** A command of its user, as text. */
  run(...words: string[]): string {
    const { nodeArguments, root, extension } = program();
    return execFileSync(
      process.execPath,
      [...nodeArguments, join(root, `src/cli/main.${extension}`), ...words],
      {
        env: { PATH: process.env.PATH ?? '', HOME: this.home, AGENT_COLLAB_HOME: this.home },
        encoding: 'utf8',
      },
    );
  }

  async invite(ttlMs?: number): Promise<string> {
    return (await this.client.call('cluster.invite', ttlMs === undefined ? {} : { ttlMs })).data.token;
  }

  async joinBy(inviter: ClusterNode): Promise<void> {
    await this.client.call('cluster.join', { token: await inviter.invite() });
  }

  async share(path: string, content: string): Promise<void> {
    await this.client.call('context.share', { agent: this.name, cwd: this.repo, path, content });
  }

  async peers(): Promise<readonly PeerView[]> {
    return (await this.client.call('peers.list', {})).data.peers;
  }

  async node(): Promise<string> {
    return (await this.client.call('status', {})).data.node;
  }

  /** Oldest first. */
  async log(limit = 5000): Promise<readonly DeltaView[]> {
    return (await this.client.call('log', { limit })).data.deltas.toReversed();
  }

  /** What the log holds, whatever order its concurrent deltas came in. */
  async digest(): Promise<{ readonly count: number; readonly vector: string; readonly hash: string }> {
    const deltas = await this.log();
    const vector: Record<string, number> = {};
    for (const { source, seq } of deltas) vector[source] = Math.max(seq, vector[source] ?? 0);
    const lines = deltas.map(({ id, prev, payload, hlc, agent }) =>
      JSON.stringify([id, prev, payload, hlc, agent]),
    );
    return {
      count: deltas.length,
      vector: JSON.stringify(Object.entries(vector).sort()),
      hash: createHash('sha256').update(lines.sort().join('\n')).digest('hex'),
    };
  }
}

/** All hold `count` deltas, and the same ones. */
export async function converged(
  nodes: readonly ClusterNode[],
  count: number,
  limitMs?: number,
): Promise<void> {
  await eventually(
    `${nodes.length} nodes hold the same ${count} deltas`,
    async () => {
      const digests = await Promise.all(nodes.map((node) => node.digest()));
      const seen = digests.map((digest) => digest.count);
      assert.ok(
        seen.every((it) => it === count),
        `they hold ${seen.join(', ')}`,
      );
      assert.equal(new Set(digests.map(({ hash }) => hash)).size, 1, 'their hashes differ');
      assert.equal(new Set(digests.map(({ vector }) => vector)).size, 1, 'their vectors differ');
      return true;
    },
    limitMs,
  );
}

/** Each delta once, its source's in order, and none before what its author knew. */
export function assertCausal(log: readonly DeltaView[]): void {
  const seen = new Map<string, number>();
  for (const { source, seq, deps, id } of log) {
    assert.equal(seq, (seen.get(source) ?? 0) + 1, `${id} is out of turn`);
    for (const [other, known] of Object.entries(deps))
      assert.ok((seen.get(other) ?? 0) >= known, `${id} stands before what it builds on: ${other}:${known}`);
    seen.set(source, seq);
  }
}
