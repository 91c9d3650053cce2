/** A member of a cluster, in a process of its own, and what it costs. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonProcess } from '../../crash-tests/daemon-process.ts';
import type { ControlClient } from '../../src/control/client.ts';
import type { ClusterView } from '../../src/control/cluster-views.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { LogView } from '../../src/store/log-view.ts';
import { program } from '../harness/program.ts';
import { probe, probeFile, wireFile } from './probe.ts';

const pollMs = 2;

/** In µs. */
export interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How late the event loop of the main thread comes to a timer: in all, and without the time in which no core was free for it. */
export interface LoopDelay {
  readonly late: Times;
  readonly busy: Times;
}

export class BenchNode {
  readonly name: string;
  readonly home: string;
  readonly daemon: DaemonProcess;
  readonly client: ControlClient;
  readonly #log: LogView;

  private constructor(name: string, home: string, daemon: DaemonProcess) {
    this.name = name;
    this.home = home;
    this.daemon = daemon;
    this.client = daemon.client();
    this.#log = new LogView(
      openDeltaEnvironment(homePaths(home).deltaStore, { readOnly: true, create: false }),
    );
  }

  /** @param home with what is in it already, if anything is. */
  static async start(name: string, home: string): Promise<BenchNode> {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(
      join(home, 'config.json'),
      JSON.stringify({ peers: { name, listen: '127.0.0.1', mdns: false } }),
    );
    const daemon = new DaemonProcess(home, program, { preload: probe });
    await daemon.ready();
    return new BenchNode(name, home, daemon);
  }

  async joinBy(inviter: BenchNode): Promise<void> {
    const { data } = await inviter.client.call('cluster.invite', {});
    await this.client.call('cluster.join', { token: data.token });
  }

  /** Newest position committed: read from the file, so that the daemon has no part in it. */
  head(): number {
    this.#log.environment.refresh();
    return this.#log.head();
  }

  /** Undefined while its peers do not answer. */
  async cluster(): Promise<ClusterView | undefined> {
    return (await this.client.call('status', {})).data.cluster ?? undefined;
  }

  /** Since it was asked last, or since the start. */
  async loopDelay(): Promise<LoopDelay> {
    const file = join(this.home, probeFile);
    writeFileSync(file, '');
    process.kill(this.daemon.pid, 'SIGUSR2');
    for (;;) {
      const text = readFileSync(file, 'utf8');
      if (text === '') {
        await delay(pollMs);
        continue;
      }
      return JSON.parse(text) as LoopDelay;
    }
  }

  /** Of all its threads so far, in µs. */
  cpuUs(): number {
    const tasks = `/proc/${this.daemon.pid}/task`;
    return readdirSync(tasks).reduce((sum, task) => {
      const [ran = '0'] = readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ');
      return sum + Number(ran) / 1000;
    }, 0);
  }

  /** To and from other members so far. */
  wireBytes(): number {
    return readdirSync(this.home)
      .filter((name) => wireFile.test(name))
      .reduce((sum, name) => sum + Number(readFileSync(join(this.home, name), 'utf8')), 0);
  }

  /** Resident, and of no file. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.daemon.pid}/status`, 'utf8');
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    // Shared memory is the queues.
    return (kib('RssAnon') + kib('RssShmem')) * 1024;
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#log.environment.close();
    await this.daemon.stop();
  }
}
