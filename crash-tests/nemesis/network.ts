/** Hosts for nodes: network namespaces on bridges. A host that is moved to another bridge hears nobody of the first. Needs root. */
import { execFileSync } from 'node:child_process';

const subnet = '10.77.0';
/** As many parts as a network can fall into. */
const parts = 2;

export interface Host {
  readonly address: string;
  /** The command in whose place a program of this host is started. */
  readonly wrapper: readonly string[];
}

export interface Network {
  readonly hosts: readonly Host[];
  /** The part of the network that each host is in; hosts of different parts cannot reach each other. */
  split(partOf: (host: number) => number): void;
  close(): void;
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Whether this machine allows network namespaces. */
export function canMakeHosts(): boolean {
  const name = `ac-try-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'delete', name);
    return true;
  } catch {
    return false;
  }
}

/** Hosts in namespaces of their own, with a switch in one more. @throws when the machine does not allow it. */
export function makeHosts(count: number): Network {
  const prefix = `ac${process.pid}`;
  const middle = `${prefix}-net`;
  const names: string[] = [];
  const close = () => {
    // What is in a namespace ends with it.
    for (const name of names.splice(0)) {
      try {
        ip('netns', 'delete', name);
      } catch {
        // It never was.
      }
    }
  };
  try {
    names.push(middle);
    ip('netns', 'add', middle);
    for (let part = 0; part < parts; part += 1) {
      ip('-n', middle, 'link', 'add', `part${part}`, 'type', 'bridge', 'forward_delay', '0');
      ip('-n', middle, 'link', 'set', `part${part}`, 'up');
    }
    const hosts = Array.from({ length: count }, (_, at): Host => {
      const name = `${prefix}-${at}`;
      names.push(name);
      ip('netns', 'add', name);
      ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', `host${at}`, 'netns', middle);
      ip('-n', middle, 'link', 'set', `host${at}`, 'master', 'part0', 'up');
      ip('-n', name, 'address', 'add', `${subnet}.${at + 1}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      return { address: `${subnet}.${at + 1}`, wrapper: ['ip', 'netns', 'exec', name] };
    });
    const split = (partOf: (host: number) => number) => {
      hosts.forEach((_, at) => {
        ip('-n', middle, 'link', 'set', `host${at}`, 'master', `part${partOf(at)}`);
      });
    };
    return { hosts, split, close };
  } catch (error) {
    close();
    throw error;
  }
}
