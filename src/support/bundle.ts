/**
 * One file that tells others how an installation is, to be sent with a report: made of what could be had, whatever is broken, and of nothing
 * that is a secret or was shared. Its manifest names every file, what was left out of it, and what could not be had and why.
 *
 * A zip, since whoever sends it should look into it first, and every desktop opens one.
 */
import { zipSync } from 'fflate';
import { type PlainLimits, plainValue, type Redaction } from '../base/plain-value.ts';
import { version } from '../base/version.ts';
import type { HomeSecret } from '../daemon/home-secrets.ts';
import { createRedaction } from '../daemon/log-redaction.ts';

export interface BundlePart {
  /** In the bundle. */
  readonly path: string;
  /** For whoever opens it. */
  readonly about: string;
  /**
   * A tree, which is redacted and becomes JSON, or a text that `make` has put through the redaction. Undefined: there is none, which is no
   * news. @throws why it cannot be had.
   * @param miss told of what of it alone could not be had.
   */
  readonly make: (redaction: Redaction, miss: Miss) => Promise<unknown>;
}

export type Miss = (what: string, why: string) => void;

export interface BundleFile {
  readonly path: string;
  readonly about: string;
  readonly bytes: number;
  /** What was left out of it, and how often. */
  readonly redacted: Readonly<Record<string, number>>;
}

export interface Manifest {
  readonly format: 1;
  readonly version: string;
  readonly createdAt: string;
  readonly files: readonly BundleFile[];
  readonly missing: readonly { readonly path: string; readonly why: string }[];
  readonly leftOut: readonly string[];
  readonly stays: readonly string[];
}

export interface BundleOptions {
  /** Of the directory in the zip. */
  readonly name: string;
  readonly createdAt: Date;
  readonly secrets: () => readonly HomeSecret[];
  /** Takes names of people and machines out of a text. */
  readonly hideNames: (text: string) => string;
  readonly onStep?: (what: string) => void;
}

/** More than any status or list of findings has. */
const treeLimits: PlainLimits = { depth: 32, entries: 500_000, chars: 64 * 1024 * 1024 };

const leftOut = [
  'keys, tokens and passwords: those of this data directory wherever they stand, others by their forms and by the names that they stand under',
  'the values of settings that this version does not know, since anybody may have written anything there',
  'what agents have shared, the stores, the vectors and the backups: files.json has their names and sizes alone',
  'the values of environment variables',
  'the name of your user, your home directory and the name of this machine, which read <user>, ~ and <host>',
];
const stays = [
  'names of projects, branches, files and agents, ids of nodes, names and addresses of other members of the cluster: without them a log cannot be understood',
];

export async function makeBundle(
  parts: readonly BundlePart[],
  options: BundleOptions,
): Promise<{ readonly bytes: Uint8Array; readonly manifest: Manifest }> {
  const { name, createdAt, onStep = () => {} } = options;
  const texts = new Map<string, string>();
  const files: BundleFile[] = [];
  const missing: { path: string; why: string }[] = [];
  for (const { path, about, make } of parts) {
    onStep(`collecting ${path}`);
    const redacted: Record<string, number> = {};
    const redaction = sharedRedaction(options, (kind) => {
      redacted[kind] = (redacted[kind] ?? 0) + 1;
    });
    try {
      const content = await make(redaction, (what, why) => {
        missing.push({ path: redaction.text(what), why: redaction.text(why) });
      });
      if (content === undefined) continue;
      const text = typeof content === 'string' ? content : jsonText(content, redaction);
      assertClean(text, options.secrets());
      texts.set(path, text);
      files.push({ path, about, bytes: Buffer.byteLength(text), redacted });
    } catch (error) {
      missing.push({ path, why: redaction.text(error instanceof Error ? error.message : String(error)) });
    }
  }
  const manifest: Manifest = {
    format: 1,
    version,
    createdAt: createdAt.toISOString(),
    files,
    missing,
    leftOut,
    stays,
  };
  texts.set('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  const entries = [...texts].map(([path, text]) => [`${name}/${path}`, Buffer.from(text)] as const);
  return { bytes: zipSync(Object.fromEntries(entries), { level: 6, mtime: createdAt }), manifest };
}

/** Secrets first: a name may be a part of one. */
function sharedRedaction({ secrets, hideNames }: BundleOptions, onFound: (kind: string) => void): Redaction {
  const redaction = createRedaction(secrets, onFound);
  return { ...redaction, text: (text) => hideNames(redaction.text(text)) };
}

function jsonText(content: unknown, redaction: Redaction): string {
  return `${JSON.stringify(plainValue(content, redaction, treeLimits), null, 2)}\n`;
}

/** The same once more by another way: a part with a secret in it is a defect, which must cost the part and not the secret. */
function assertClean(text: string, secrets: readonly HomeSecret[]): void {
  const found = secrets.find((secret) => text.includes(secret.text));
  if (found !== undefined) throw new Error(`left out: the ${found.kind} was still in it, which is a defect`);
}
