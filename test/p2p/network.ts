/**
 * Hosts on one machine: network namespaces of their own, joined by cables that can be pulled, straight or through a switch that loses,
 * doubles and delays what it passes on (packet-switch.ts: not every kernel has `tc netem`). Needs Linux and root.
 *
 * ```
 * host 1   v0 10.99.0.1, a VXLAN over u0 10.98.1.2 ——— s1 10.98.1.1  |
 * host 2   v0 10.99.0.2, a VXLAN over u0 10.98.2.2 ——— s2 10.98.2.1  |  the switch, a process in a namespace of its own
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Namespace } from '../support/namespace.ts';
import { testSeed } from '../support/seed.ts';
import type { SwitchStart, Weather } from './packet-switch.ts';

/** Of the VXLAN. */
const networkId = 42;
const vxlanPort = 4789;
const calm: Weather = { lossShare: 0, duplicateShare: 0, delayMs: 0, jitterMs: 0 };

/** Where a daemon is to run: what comes before its command, and the address that it has there. */
export interface Host {
  readonly words: readonly string[];
  readonly address: string;
}

/** Why there can be no namespaces here, `false` where there can. */
export function whyNoNamespaces(): string | false {
  if (process.platform !== 'linux') return 'this is not Linux';
  const space = new Namespace();
  try {
    space.open();
    space.ip('link', 'add', 'v0', 'type', 'vxlan', 'id', '1', 'dstport', String(vxlanPort));
    return false;
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 200) : String(error);
  } finally {
    space.close();
  }
}

interface Ends {
  after(end: () => void): void;
}

/** Hosts on one switch. Each reaches each, while its cable is in. */
export class SwitchedNetwork {
  readonly hosts: readonly Host[];
  readonly #center: Namespace;
  readonly #switch: ChildProcess;

  private constructor(hosts: readonly Host[], center: Namespace, child: ChildProcess) {
    this.hosts = hosts;
    this.#center = center;
    this.#switch = child;
  }

  static async open(t: Ends, count: number, seed: number = testSeed()): Promise<SwitchedNetwork> {
    const center = new Namespace();
    t.after(() => center.close());
    center.open();
    const hosts = Array.from({ length: count }, (_, at): Host => {
      const space = new Namespace();
      t.after(() => space.close());
      space.open();
      space.cable('u0', innerAddress(at), center, cableOf(at), outerAddress(at));
      const ends = ['local', innerAddress(at), 'remote', outerAddress(at), 'dstport', String(vxlanPort)];
      // Frames as they go over a wire: with room for what goes around them, and no segment of many that a card would cut up.
      const frames = ['mtu', '1450', 'gso_max_segs', '1'];
      space.ip('link', 'add', 'v0', ...frames, 'type', 'vxlan', 'id', String(networkId), ...ends);
      const address = `10.99.0.${at + 1}`;
      space.raise('v0', address);
      return { words: space.words, address };
    });
    const start: SwitchStart = { seed, port: vxlanPort, hosts: hosts.map((_, at) => innerAddress(at)) };
    const [command = '', ...words] = center.words;
    const file = fileURLToPath(new URL('packet-switch.ts', import.meta.url));
    const child = spawn(
      command,
      [...words, process.execPath, '--import', import.meta.resolve('tsx'), file, JSON.stringify(start)],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    t.after(() => void child.kill());
    await once(child, 'message');
    return new SwitchedNetwork(hosts, center, child);
  }

  /** What happens to every frame from now on; what is not named does not. */
  async setWeather(weather: Partial<Weather>): Promise<void> {
    const isSet = once(this.#switch, 'message');
    this.#switch.send({ ...calm, ...weather } satisfies Weather);
    await isSet;
  }

  /** Pulls the cable of a host, or puts it in again. */
  setCable(at: number, state: 'up' | 'down'): void {
    this.#center.ip('link', 'set', cableOf(at), state);
  }
}

/**
 * Three hosts in a row, as behind two routers: the first and the last reach the one in the middle, which passes nothing on, and not each
 * other.
 */
export function openRow(t: Ends): readonly [Host, Host, Host] {
  const [left, middle, right] = [new Namespace(), new Namespace(), new Namespace()];
  for (const space of [left, middle, right]) {
    t.after(() => space.close());
    space.open();
  }
  left.cable('e0', '10.99.1.1', middle, 'e0', '10.99.1.2');
  right.cable('e0', '10.99.2.1', middle, 'e1', '10.99.2.2');
  return [
    { words: left.words, address: '10.99.1.1' },
    // On both of its sides.
    { words: middle.words, address: '0.0.0.0' },
    { words: right.words, address: '10.99.2.1' },
  ];
}

/** The end that the host has, the one that the switch has, and what that is called there. */
function innerAddress(at: number): string {
  return `10.98.${at + 1}.2`;
}

function outerAddress(at: number): string {
  return `10.98.${at + 1}.1`;
}

function cableOf(at: number): string {
  return `s${at + 1}`;
}
