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
/** Deltas come in runs of one source and one project. */
let lastKey: Uint8Array = new Uint8Array(0);
let lastSource = '' as NodeId;
let lastProjectBytes: Uint8Array = new Uint8Array(0);
let lastProject = '' as ProjectId;

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

function scanHead(bytes: Uint8Array): DeltaHead | undefined {
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    cursor.reset(body);
    if (cursor.array() !== bodyFields || cursor.number() !== bodyVersion) return undefined;
    cursor.bytes();
    if (cursor.end - cursor.start !== publicKeyBytes) return undefined;
    const source = sourceAt(body);
    const seq = cursor.number();
    const time = cursor.number() as HlcTime;
    cursor.skip();
    cursor.text();
    const project = projectAt(body);
    const type = deltaTypes[cursor.number()];
    cursor.skip();
    const path = scanPath(body);
    if (type === undefined || !cursor.isAtEnd) return undefined;
    return { source, seq, time, project, type, path };
  } catch (error) {
    if (error === unknownCbor) return undefined;
    throw error;
  }
}

/** To the end of the map: of a key that stands there twice the last one counts, as in any decoder. */
function scanPath(body: Buffer): string | undefined {
  let path: string | undefined;
  for (let entries = cursor.map(); entries > 0; entries -= 1) {
    cursor.text();
    if (cursor.is(pathKey))
      path = cursor.textOrSkip() && cursor.end > cursor.start ? textAt(body) : undefined;
    else cursor.skip();
  }
  return path;
}

function sourceAt(body: Buffer): NodeId {
  if (!cursor.is(lastKey)) {
    lastKey = Uint8Array.from(body.subarray(cursor.start, cursor.end));
    lastSource = nodeIdFromPublicKey(lastKey);
  }
  return lastSource;
}

function projectAt(body: Buffer): ProjectId {
  if (!cursor.is(lastProjectBytes)) {
    lastProject = textAt(body) as ProjectId;
    lastProjectBytes = Uint8Array.from(body.subarray(cursor.start, cursor.end));
  }
  return lastProject;
}

/** Half a surrogate pair, which is no UTF-8, is decoded as what it was by the decoder alone. */
function textAt(body: Buffer): string {
  const text = body.toString('utf8', cursor.start, cursor.end);
  if (text.includes('\ufffd')) throw unknownCbor;
  return text;
}
