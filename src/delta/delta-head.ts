import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, ProjectId } from '../base/ids.ts';
import { CborCursor, unknownCbor } from '../codec/cbor-cursor.ts';
import { nodeIdFromPublicKey, publicKeyBytes } from '../codec/node-id.ts';
import { type Delta, type DeltaType, deltaPath, deltaTypes } from './delta.ts';
import { bodyFields, bodyVersion, decodeDeltaBody } from './delta-body.ts';

/** What an index needs of a delta. */
export interface DeltaHead {
  readonly source: NodeId;
  readonly seq: number;
  readonly time: HlcTime;
  readonly project: ProjectId;
  readonly type: DeltaType;
  /** What the delta is about, if it is about one path. */
  readonly path: string | undefined;
}

const cursor = new CborCursor();
const pathKey = Buffer.from('path');
/** Deltas come in runs of one project. */
let lastProject: { readonly bytes: Buffer; readonly text: ProjectId } = {
  bytes: Buffer.alloc(0),
  text: '' as ProjectId,
};

/**
 * The head of a body that `encodeDeltaBody` wrote, or whose author's bytes `decodeDeltaBody` has accepted: its checks are not repeated.
 * @throws STORE_DAMAGED as `decodeDeltaBody`, for what is not written as we write it.
 */
export function readDeltaHead(body: Uint8Array): DeltaHead {
  return scanHead(body) ?? headOf(decodeDeltaBody(body));
}

export function headOf(delta: Delta): DeltaHead {
  const { source, seq, time, project, type } = delta;
  return { source, seq, time, project, type, path: deltaPath(delta) };
}

function scanHead(body: Uint8Array): DeltaHead | undefined {
  try {
    cursor.reset(body);
    if (cursor.array() !== bodyFields || cursor.number() !== bodyVersion) return undefined;
    const key = cursor.bytes();
    if (key.length !== publicKeyBytes) return undefined;
    const seq = cursor.number();
    const time = cursor.number() as HlcTime;
    cursor.skip();
    const project = projectOf(cursor.text());
    const type = deltaTypes[cursor.number()];
    cursor.skip();
    const path = scanPath();
    if (type === undefined || !cursor.isAtEnd) return undefined;
    return { source: nodeIdFromPublicKey(key), seq, time, project, type, path };
  } catch (error) {
    if (error === unknownCbor) return undefined;
    throw error;
  }
}

/** To the end of the map: of a key that stands there twice the last one counts, as in any decoder. */
function scanPath(): string | undefined {
  let path: string | undefined;
  for (let entries = cursor.map(); entries > 0; entries -= 1) {
    const key = cursor.text();
    if (Buffer.compare(key, pathKey) === 0) {
      const value = cursor.textOrSkip();
      path = value === undefined || value.length === 0 ? undefined : textOf(value);
    } else {
      cursor.skip();
    }
  }
  return path;
}

function projectOf(bytes: Uint8Array): ProjectId {
  if (Buffer.compare(bytes, lastProject.bytes) !== 0)
    lastProject = { bytes: Buffer.from(bytes), text: textOf(bytes) as ProjectId };
  return lastProject.text;
}

/** Half a surrogate pair, which is no UTF-8, is decoded as what it was by the decoder alone. */
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (text.includes('\ufffd')) throw unknownCbor;
  return text;
}
