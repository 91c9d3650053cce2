/** manifest.json of a backup: what it is, and every entry with its checksum. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import { flawOf } from './manifest-form.ts';
import { type Tree, treeChecksum } from './tree.ts';

export const backupReasons = ['manual', 'before-restore', 'before-migration', 'before-rollback'] as const;
export type BackupReason = (typeof backupReasons)[number];

/** What a walk through the stores of the copy found. */
export interface StoreCheck {
  readonly sound: boolean;
  readonly deltas: number;
  readonly auditEvents: number;
  /** The first ones, as sentences. */
  readonly problems: readonly string[];
}

export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

export interface BackupManifest {
  readonly format: 1;
  /** The name it was given; its directory may have been renamed since. */
  readonly name: string;
  readonly reason: BackupReason;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  /** Of the program that made it. */
  readonly version: string;
  /** The peer id in key.json; null when there is none. */
  readonly node: string | null;
  /** Null: the stores were not opened. */
  readonly stores: StoreCheck | null;
  readonly leftOut: readonly LeftOut[];
  /** `treeChecksum(tree)`. */
  readonly checksum: string;
  readonly tree: Tree;
}

export const manifestName = 'manifest.json';
/** Below the directory of a backup: the tree. */
export const filesName = 'files';

/** Written whole or not at all, and on disk when this returns. The seal is a checksum of the manifest itself. */
export async function writeManifest(directory: string, manifest: BackupManifest): Promise<void> {
  await writeFileAtomic(join(directory, manifestName), textOf(manifest, sealOf(manifest)), { mode: 0o600 });
}

/** @throws VERIFY_FAILED when there is none, or it is not as it was written. */
export async function readManifest(directory: string): Promise<BackupManifest> {
  let text: string;
  try {
    text = await readFile(join(directory, manifestName), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw unreadable(
      directory,
      code === 'ENOENT' ? 'it has no manifest' : `its manifest cannot be read (${code})`,
    );
  }
  const manifest = unseal(directory, text);
  const flaw = flawOf(manifest);
  if (flaw !== undefined) throw unreadable(directory, `its manifest ${flaw}`);
  if (treeChecksum(manifest.tree) !== manifest.checksum)
    throw unreadable(directory, 'its manifest contradicts itself');
  // The last digit of a time may change and mean the same number: the seal cannot tell, and it is not as it was written.
  if (text.trimEnd() !== textOf(manifest, sealOf(manifest)).trimEnd())
    throw unreadable(directory, 'its manifest is not as it was written');
  return manifest;
}

function unseal(directory: string, text: string): BackupManifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw unreadable(directory, 'its manifest is no JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw unreadable(directory, 'its manifest is no object');
  const { seal, ...manifest } = parsed as BackupManifest & { readonly seal?: unknown };
  if (manifest.format !== 1)
    throw unreadable(directory, `its manifest has the unknown format ${String(manifest.format)}`);
  if (seal !== sealOf(manifest)) throw unreadable(directory, 'its manifest fails its checksum');
  return manifest;
}

function textOf(manifest: BackupManifest, seal: string): string {
  return `${JSON.stringify({ ...manifest, seal })}\n`;
}

function sealOf(manifest: BackupManifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}

function unreadable(directory: string, what: string): CollabError {
  return new CollabError('VERIFY_FAILED', `${directory} is no complete backup: ${what}`, {
    next: 'Use another one: agent-collab backup --list shows them.',
    details: { directory },
  });
}
