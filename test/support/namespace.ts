/** Network namespaces of Linux, made and removed by `ip`: hosts of their own on one machine. Needs root. */
import { execFileSync } from 'node:child_process';

let made = 0;

export class Namespace {
  readonly #name = `ac-test-${process.pid}-${made++}`;

  /** For the command that is to run in it, which takes the place of `ip`: it keeps its pid. */
  get words(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  open(): void {
    ip('netns', 'add', this.#name);
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...words: readonly string[]): void {
    ip('-n', this.#name, ...words);
  }

  /** An interface here, and one at the other end of the cable. */
  cable(name: string, address: string, other: Namespace, otherName: string, otherAddress: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', otherName, 'netns', other.#name);
    this.raise(name, address);
    other.raise(otherName, otherAddress);
  }

  /** As `cable`, with an end in the other that has no address: it is put on a bridge there. */
  plug(name: string, address: string, other: Namespace, otherName: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', otherName, 'netns', other.#name);
    this.raise(name, address);
  }

  raise(name: string, address: string): void {
    this.ip('address', 'add', `${address}/24`, 'dev', name);
    this.ip('link', 'set', name, 'up');
  }

  close(): void {
    try {
      ip('netns', 'delete', this.#name);
    } catch {
      // It was never made.
    }
  }
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
