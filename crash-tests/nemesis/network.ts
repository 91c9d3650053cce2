/** Hosts for nodes: network namespaces on bridges. A host that is moved to another bridge hears nobody of the first. Needs root. */
import { Namespace } from '../../test/support/namespace.ts';

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

/** Whether this machine allows network namespaces. */
export function canMakeHosts(): boolean {
  const space = new Namespace();
  try {
    space.open();
    return true;
  } catch {
    return false;
  } finally {
    space.close();
  }
}

/** Hosts in namespaces of their own, with a switch in one more. @throws when the machine does not allow it. */
export function makeHosts(count: number): Network {
  const middle = new Namespace();
  const spaces = [middle];
  const close = () => {
    for (const space of spaces.splice(0)) space.close();
  };
  try {
    middle.open();
    for (let part = 0; part < parts; part += 1) {
      middle.ip('link', 'add', bridgeOf(part), 'type', 'bridge', 'forward_delay', '0');
      middle.ip('link', 'set', bridgeOf(part), 'up');
    }
    const hosts = Array.from({ length: count }, (_, at): Host => {
      const space = new Namespace();
      spaces.push(space);
      space.open();
      const address = `${subnet}.${at + 1}`;
      space.plug('eth0', address, middle, cableOf(at));
      middle.ip('link', 'set', cableOf(at), 'master', bridgeOf(0), 'up');
      return { address, wrapper: space.words };
    });
    const split = (partOf: (host: number) => number) => {
      hosts.forEach((_, at) => {
        middle.ip('link', 'set', cableOf(at), 'master', bridgeOf(partOf(at)));
      });
    };
    return { hosts, split, close };
  } catch (error) {
    close();
    throw error;
  }
}

function bridgeOf(part: number): string {
  return `part${part}`;
}

function cableOf(at: number): string {
  return `host${at}`;
}
