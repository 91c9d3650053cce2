/** The secrets that stand in a data directory, as they could turn up in a text. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { valuesOfVariables } from '../base/environment.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { hookToken } from '../home/hook-token.ts';
import { decodeKeyDocument, type NodeKey } from '../home/node-key.ts';
import { isSecretName } from './secret-name.ts';

export interface HomeSecret {
  readonly kind: string;
  readonly text: string;
}

/** A shorter one is a word that stands in many a text. */
const minSecretChars = 8;
/** Secrets stand at the beginning of each of the files; cluster.json goes on with its members. */
const maxReadBytes = 64 * 1024;

/** A line has a dozen texts, and each asks. */
const sameMomentMs = 2;

interface SecretFile {
  readonly path: string;
  readonly kind: string;
  readonly read: (text: string, path: string) => readonly string[];
}

/**
 * Looks at the files again when they have changed, which costs a `stat` for each: the daemon has a new token at each start, and the key
 * of the cluster is changed by another thread. What is damaged is read all the same, as far as it goes.
 */
export class HomeSecrets {
  readonly #files: readonly SecretFile[];
  readonly #fromEnvironment: readonly HomeSecret[];
  readonly #found = new Map<string, { readonly stamp: string; readonly secrets: readonly HomeSecret[] }>();
  #all: readonly HomeSecret[] = [];
  readonly #clock: Clock;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(paths: HomePaths, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#files = [
      { path: paths.daemonRecord, kind: 'token of the daemon', read: underSecretNames },
      { path: paths.key, kind: 'key of the node', read: keySecrets },
      { path: paths.cluster, kind: 'key of the cluster', read: clusterSecrets },
      { path: paths.config, kind: 'secret in config.json', read: underSecretNames },
      // Of the older program.
      { path: join(paths.root, 'wireguard.json'), kind: 'key of WireGuard', read: underSecretNames },
    ];
    this.#fromEnvironment = valuesOfVariables(isSecretName)
      .filter((value) => value.length >= minSecretChars)
      .map((text) => ({ kind: 'secret in the environment', text }));
  }

  /** The longest first: one may be a part of another. */
  current(): readonly HomeSecret[] {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs < sameMomentMs) return this.#all;
    this.#lookedMs = nowMs;
    let hasChanged = this.#all.length === 0;
    for (const file of this.#files) if (this.#look(file)) hasChanged = true;
    if (hasChanged) {
      const all = [...this.#fromEnvironment, ...[...this.#found.values()].flatMap(({ secrets }) => secrets)];
      this.#all = all.sort((a, b) => b.text.length - a.text.length);
    }
    return this.#all;
  }

  /** True when it was another file than the last time. A file that is gone leaves what was in it: the token may still be in a text. */
  #look({ path, kind, read }: SecretFile): boolean {
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) return false;
      const stamp = `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
      const before = this.#found.get(path);
      if (before?.stamp === stamp) return false;
      const texts = read(readBeginning(path), path).filter((text) => text.length >= minSecretChars);
      const kept = (before?.secrets ?? []).slice(0, maxKept).filter(({ text }) => !texts.includes(text));
      const secrets = [...new Set(texts)].map((text) => ({ kind, text }));
      this.#found.set(path, { stamp, secrets: [...secrets, ...kept] });
      return true;
    } catch {
      // Whoever cannot read it cannot write its secrets either, but for their forms, which are known.
      return false;
    }
  }
}

/** Of former secrets of one file. */
const maxKept = 64;

function readBeginning(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(maxReadBytes);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, maxReadBytes, 0));
  } finally {
    closeSync(fd);
  }
}

/** Texts that stand under the name of a secret, in anything that looks like JSON: half a file has them too. */
function underSecretNames(text: string): readonly string[] {
  return entriesOf(text, isSecretName);
}

function clusterSecrets(text: string): readonly string[] {
  const found = entriesOf(text, (name) => isSecretName(name) || name === 'doorKey');
  return found.flatMap((secret) => spellings(Buffer.from(secret, 'base64'), secret));
}

function keySecrets(text: string, path: string): readonly string[] {
  const encoded = entriesOf(text, isSecretName);
  try {
    return [...encoded, ...spellingsOfKey(decodeKeyDocument(text, path))];
  } catch {
    // A damaged key is none that a token could be made of.
    return encoded.flatMap((secret) => spellings(Buffer.from(secret, 'base64'), secret));
  }
}

function spellingsOfKey(key: NodeKey): readonly string[] {
  const pkcs8 = key.toPkcs8();
  const seed = pkcs8.subarray(-32);
  const whole = Buffer.concat([seed, key.publicKey]);
  return [hookToken(key), ...[seed, pkcs8, whole].flatMap((bytes) => spellings(bytes))];
}

/** In the encodings that somebody may print bytes in; without the padding, which may be there or not. */
function spellings(bytes: Buffer, asWritten?: string): readonly string[] {
  const texts = [
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
  return asWritten === undefined ? texts : [asWritten, ...texts];
}

const entry = /"([^"\\\n]{1,100})"\s{0,20}:\s{0,20}"((?:[^"\\\n]|\\.){1,4096})/g;

function entriesOf(text: string, isWanted: (name: string) => boolean): readonly string[] {
  return [...text.matchAll(entry)].flatMap(([, name = '', value = '']) =>
    isWanted(name) ? [unescaped(value)] : [],
  );
}

function unescaped(value: string): string {
  try {
    return String(JSON.parse(`"${value}"`));
  } catch {
    return value;
  }
}
