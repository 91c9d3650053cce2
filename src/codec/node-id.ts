/**
 * Node ids in their two forms: the libp2p peer id that people and peers see, and the 32 bytes of the Ed25519 public key
 * that it stands for. Records store the key: 32 bytes instead of 52.
 */
import { base58btc } from 'multiformats/bases/base58';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';

/** Identity multihash (00) of 36 bytes (24) of a protobuf public key: type Ed25519 (08 01), 32 bytes of data (12 20). */
const prefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
export const publicKeyBytes = 32;

/** Both caches hold every node this process has met: a cluster has at most some hundred. */
const keyOf = new Map<NodeId, Uint8Array>();
const idOf = new Map<string, NodeId>();
/** A peer can name keys that nobody has (in `deps`); a full cache begins anew, so that this costs it time and us no memory. */
const maxCached = 10_000;

/**
 * Before the map: a slot for each few keys, as comparing costs a third of looking up. A range of deltas of several sources asks for the same few
 * again and again.
 */
const slots = 64;
const slotKeys: Uint8Array[] = Array.from({ length: slots }, () => new Uint8Array(0));
const slotIds: NodeId[] = Array.from({ length: slots }, () => '' as NodeId);

export function nodeIdFromPublicKey(publicKey: Uint8Array): NodeId {
  // Keys are as good as random: any byte of them is a hash.
  const slot = (publicKey[0] ?? 0) % slots;
  const known = slotKeys[slot];
  if (known?.length === publicKeyBytes && Buffer.compare(publicKey, known) === 0)
    return slotIds[slot] as NodeId;
  const id = lookUp(publicKey);
  slotKeys[slot] = Uint8Array.from(publicKey);
  slotIds[slot] = id;
  return id;
}

function lookUp(publicKey: Uint8Array): NodeId {
  const cacheKey = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString(
    'latin1',
  );
  const cached = idOf.get(cacheKey);
  if (cached !== undefined) return cached;
  if (publicKey.length !== publicKeyBytes) {
    throw new CollabError(
      'INVALID_ARGUMENT',
      `a public key has ${publicKeyBytes} bytes, this one has ${publicKey.length}`,
    );
  }
  const id = base58btc.baseEncode(Buffer.concat([prefix, publicKey])) as NodeId;
  if (idOf.size >= maxCached) idOf.clear();
  idOf.set(cacheKey, id);
  return id;
}

/** @throws INVALID_ARGUMENT when the text is not the peer id of an Ed25519 key. */
export function publicKeyFromNodeId(id: NodeId): Uint8Array {
  const cached = keyOf.get(id);
  if (cached !== undefined) return cached;
  const key = decodePeerId(id);
  if (key === undefined)
    throw new CollabError('INVALID_ARGUMENT', `"${String(id).slice(0, 60)}" is not a node id`);
  if (keyOf.size >= maxCached) keyOf.clear();
  keyOf.set(id, key);
  return key;
}

export function isNodeId(text: string): text is NodeId {
  return keyOf.has(text as NodeId) || decodePeerId(text) !== undefined;
}

function decodePeerId(text: string): Uint8Array | undefined {
  if (text.length > 60) return undefined;
  try {
    const bytes = base58btc.baseDecode(text);
    const fits =
      bytes.length === prefix.length + publicKeyBytes && prefix.every((byte, at) => bytes[at] === byte);
    return fits ? bytes.slice(prefix.length) : undefined;
  } catch {
    // Not base58: the same answer as a wrong prefix, it is no node id.
    return undefined;
  }
}
