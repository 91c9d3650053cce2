import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { nodeIdFromPublicKey } from '../codec/node-id.ts';
import { tryCreateFileAtomic } from './atomic-file.ts';
import type { HomePaths } from './home-paths.ts';
import { unusable } from './prepare-home.ts';
import { readSecretFile } from './secret-file.ts';

/** libp2p's protobuf of a private key: type Ed25519 (08 01), 64 bytes of data (12 40) = seed and public key. */
const keyPrefix = Buffer.from([0x08, 0x01, 0x12, 0x40]);
/** RFC 8410: the DER around a 32-byte Ed25519 seed in PKCS #8. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const seedBytes = 32;
/** The file is some 250 bytes; fields of a later version may be in it. */
const maxKeyFileBytes = 64 * 1024;

/**
 * The identity of this node. Nothing here prints: `toJSON` and `inspect` would otherwise carry the key into a log.
 */
export class NodeKey {
  readonly nodeId: NodeId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  private constructor(privateKey: KeyObject, publicKey: Uint8Array) {
    this.#privateKey = privateKey;
    this.publicKey = publicKey;
    this.nodeId = nodeIdFromPublicKey(publicKey);
  }

  static fromSeed(seed: Uint8Array): NodeKey {
    return NodeKey.fromPkcs8(Buffer.concat([pkcs8Prefix, seed]));
  }

  /** From `toPkcs8()`, on the other side of a thread. */
  static fromPkcs8(der: Uint8Array): NodeKey {
    const privateKey = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
    return new NodeKey(privateKey, new Uint8Array(Buffer.from(x, 'base64url')));
  }

  /** Cached by node:crypto as one object: signing with it takes 40 µs, with a key parsed each time twice that. */
  get privateKey(): KeyObject {
    return this.#privateKey;
  }

  /** PKCS #8 DER, 48 bytes: what a worker thread can be sent by structured clone. Secret. */
  toPkcs8(): Buffer {
    return this.#privateKey.export({ format: 'der', type: 'pkcs8' });
  }
}

/** What key.json holds beside fields that this version does not know. */
export interface KeyDocument {
  readonly type: 'Ed25519';
  /** Base64 of `08 01 12 40`, the seed and the public key. */
  readonly private_key: string;
  readonly peer_id: string;
}

export function encodeKeyDocument(key: NodeKey): KeyDocument {
  const seed = key.toPkcs8().subarray(-seedBytes);
  return {
    type: 'Ed25519',
    private_key: Buffer.concat([keyPrefix, seed, key.publicKey]).toString('base64'),
    peer_id: key.nodeId,
  };
}

/**
 * The key in the text of a key.json, once everything in it agrees.
 *
 * @throws KEY_INVALID with what is wrong, never with any of what is in the file. `path` names it.
 */
export function decodeKeyDocument(text: string, path: string): NodeKey {
  let document: Partial<Record<keyof KeyDocument, unknown>> | null;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // Without the cause: the message of JSON.parse quotes the text.
    throw invalid(path, 'is not JSON');
  }
  if (typeof document !== 'object' || document === null) throw invalid(path, 'does not hold a JSON object');
  const { type, private_key: encoded, peer_id: peerId } = document;
  if (type !== 'Ed25519') throw invalid(path, 'has a type other than Ed25519');
  if (typeof encoded !== 'string') throw invalid(path, 'has no private_key');
  const bytes = Buffer.from(encoded, 'base64');
  // Buffer.from skips what is not base64, so the way back shows whether all of it was.
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.trim().replace(/=+$/, '')) {
    throw invalid(path, 'has a private_key that is not base64');
  }
  if (bytes.length !== keyPrefix.length + 2 * seedBytes) {
    throw invalid(path, `has a private_key of ${bytes.length} bytes instead of 68`);
  }
  if (!bytes.subarray(0, keyPrefix.length).equals(keyPrefix)) {
    throw invalid(path, 'has a private_key that is not marked as Ed25519');
  }
  const key = NodeKey.fromSeed(bytes.subarray(keyPrefix.length, keyPrefix.length + seedBytes));
  if (!bytes.subarray(-seedBytes).equals(key.publicKey)) {
    throw invalid(path, 'has a public key that is not the one of its seed');
  }
  if (peerId !== key.nodeId) throw invalid(path, 'has a peer_id that is not the one of its key');
  return key;
}

/**
 * The key of this data directory, made on the first start. Of several first starts at once all get the same key. A file
 * that is there is never written: fields that this version does not know stay.
 *
 * @throws KEY_INVALID, HOME_UNUSABLE
 */
export async function loadOrCreateKey(paths: HomePaths): Promise<NodeKey> {
  const present = await readSecretFile(paths.key, maxKeyFileBytes, invalid);
  if (present !== undefined) return decodeKeyDocument(present.text, paths.key);
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = NodeKey.fromPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const text = `${JSON.stringify(encodeKeyDocument(key), null, 2)}\n`;
  const created = await tryCreateFileAtomic(paths.key, text, { mode: 0o600 }).catch((error: unknown) => {
    throw unusable(paths.root, error);
  });
  if (created) return key;
  const theirs = await readSecretFile(paths.key, maxKeyFileBytes, invalid);
  if (theirs === undefined) throw invalid(paths.key, 'was made by another process and is gone again');
  return decodeKeyDocument(theirs.text, paths.key);
}

function invalid(path: string, what: string): CollabError {
  return new CollabError('KEY_INVALID', `${path} ${what}`, {
    next: 'Put a copy of it back, or move it away to start as a new node that peers do not know.',
    details: { path, reason: what },
  });
}
