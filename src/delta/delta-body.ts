/**
 * The body of a delta: its CBOR form, an array in a fixed order so that no key names are stored.
 * `[version, source key, seq, time, agent, project, type number, deps, payload]`, deps as `[key, seq, key, seq, …]`.
 */

import { CollabError } from '../base/errors.ts';
import { isHlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../base/ids.ts';
import { maxAgentChars, maxDeltaBytes, maxProjectBytes } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from '../codec/cbor.ts';
import { nodeIdFromPublicKey, publicKeyBytes, publicKeyFromNodeId } from '../codec/node-id.ts';
import { type Delta, type DeltaPayload, deltaId, deltaTypes } from './delta.ts';
import { emptyVector, type VersionVector } from './version-vector.ts';

export const bodyVersion = 1;
export const bodyFields = 9;

/**
 * Takes only what `decodeDeltaBody` gives back: a stored delta that cannot be read would be damage.
 * @throws INVALID_ARGUMENT for a field of the wrong form, DELTA_TOO_LARGE when the body has over 256 KiB.
 */
export function encodeDeltaBody(delta: Delta): Uint8Array {
  const wrong = wrongField(delta);
  if (wrong !== undefined)
    throw new CollabError('INVALID_ARGUMENT', `the ${wrong} of a delta has the wrong form`);
  const body = encodeCbor([
    bodyVersion,
    publicKeyFromNodeId(delta.source),
    delta.seq,
    delta.time,
    delta.agent,
    delta.project,
    deltaTypes.indexOf(delta.type),
    encodeDeps(delta.deps),
    delta.payload,
  ]);
  if (body.length > maxDeltaBytes) {
    throw new CollabError(
      'DELTA_TOO_LARGE',
      `the delta has ${body.length} bytes, the limit is ${maxDeltaBytes}`,
      {
        next: 'Share a shorter text, or split it.',
        details: { bytes: body.length, limit: maxDeltaBytes },
      },
    );
  }
  return body;
}

/** @throws STORE_DAMAGED on anything that `encodeDeltaBody` could not have written. */
export function decodeDeltaBody(body: Uint8Array): Delta {
  const fields = decodeFields(body);
  const [version, key, seq, time, agent, project, type, deps, payload] = fields;
  const typeName = Number.isInteger(type) ? deltaTypes[type as number] : undefined;
  const sound =
    version === bodyVersion &&
    isPublicKey(key) &&
    isSeq(seq) &&
    isHlcTime(time) &&
    isText(agent, maxAgentChars) &&
    isProject(project) &&
    typeName !== undefined &&
    isPayload(payload);
  if (!sound) throw damaged(`a delta body has a field of the wrong form`);
  const source = nodeIdFromPublicKey(key);
  return {
    id: deltaId(source, seq),
    source,
    seq,
    time,
    agent: agent as AgentId,
    project: project as ProjectId,
    type: typeName,
    deps: decodeDeps(deps),
    payload,
  };
}

function decodeFields(body: Uint8Array): readonly unknown[] {
  if (body.length > maxDeltaBytes) throw damaged(`a delta body of ${body.length} bytes is over the limit`);
  let fields: unknown;
  try {
    fields = decodeCbor(body);
  } catch (cause) {
    throw damaged('a delta body is not CBOR', cause);
  }
  if (!Array.isArray(fields) || fields.length !== bodyFields)
    throw damaged('a delta body is not an array of nine');
  return fields;
}

function encodeDeps(deps: VersionVector): readonly unknown[] {
  const flat: unknown[] = [];
  for (const source of Object.keys(deps) as NodeId[]) flat.push(publicKeyFromNodeId(source), deps[source]);
  return flat;
}

function decodeDeps(flat: unknown): VersionVector {
  if (!Array.isArray(flat) || flat.length % 2 !== 0) throw damaged('the deps of a delta are not pairs');
  if (flat.length === 0) return emptyVector;
  const deps: Record<NodeId, number> = {};
  for (let at = 0; at < flat.length; at += 2) {
    const key: unknown = flat[at];
    const seq: unknown = flat[at + 1];
    if (!isPublicKey(key) || !isSeq(seq))
      throw damaged('the deps of a delta have an entry of the wrong form');
    deps[nodeIdFromPublicKey(key)] = seq;
  }
  return deps;
}

/** The same checks as in `decodeDeltaBody`, by name. */
function wrongField(delta: Delta): keyof Delta | undefined {
  if (!isSeq(delta.seq)) return 'seq';
  if (!isHlcTime(delta.time)) return 'time';
  if (!isText(delta.agent, maxAgentChars)) return 'agent';
  if (!isProject(delta.project)) return 'project';
  if (!deltaTypes.includes(delta.type)) return 'type';
  if (!isPayload(delta.payload)) return 'payload';
  for (const source in delta.deps) if (!isSeq(delta.deps[source as NodeId])) return 'deps';
  return undefined;
}

function isPublicKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === publicKeyBytes;
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isText(value: unknown, limit: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= limit;
}

/** Up to a third of the limit the bytes need not be counted: a UTF-16 unit takes three at most. */
function isProject(value: unknown): value is string {
  if (!isText(value, maxProjectBytes)) return false;
  return value.length * 3 <= maxProjectBytes || Buffer.byteLength(value) <= maxProjectBytes;
}

function isPayload(value: unknown): value is DeltaPayload {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function damaged(message: string, cause?: unknown): CollabError {
  return new CollabError('STORE_DAMAGED', message, {
    next: 'Run agent-collab verify --repair.',
    ...(cause === undefined ? {} : { cause }),
  });
}
