import { CollabError } from '../base/errors.ts';
import { type HlcTime, isHlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, LockId, NodeId, ProjectId } from '../base/ids.ts';
import { decodeCbor, encodeCbor } from '../codec/cbor.ts';
import { checksum } from '../codec/checksum.ts';
import { type AuditAction, auditActions } from './audit-action.ts';

/** One transition. `at` is unique on its node and rises with every event: it is the key, the order and the cursor. */
export interface AuditEvent {
  readonly at: HlcTime;
  readonly action: AuditAction;
  readonly node: NodeId;
  readonly lock?: LockId;
  readonly fence?: number;
  readonly holder?: AgentId;
  readonly holderName?: string;
  readonly project?: ProjectId;
  /** As people write them: `src/a.ts`, `src/a.ts:10-20`, `src/a.ts#function:login`, `src/auth/**`. */
  readonly targets?: readonly string[];
  readonly intention?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** An event before the audit log gives it its place. */
export type AuditDraft = Omit<AuditEvent, 'at' | 'node'>;

/** The longest encoded event: a claim of 256 targets with 4096-byte paths fits. */
export const maxAuditBytes = 2 * 1024 * 1024;
const eventVersion = 1;
const headerBytes = 4;

/** `[u32 checksum seeded with at][CBOR array]`, the value that the audit log stores under `at`. */
export function encodeAuditEvent(event: AuditEvent): Uint8Array {
  return Buffer.concat(auditFrameParts(event));
}

const checksumPart = Buffer.alloc(headerBytes);

/** The same in two parts, for who copies it at once: the next call overwrites the first of them. */
export function auditFrameParts(event: AuditEvent): readonly [checksum: Uint8Array, body: Uint8Array] {
  const body = encodeCbor([
    eventVersion,
    event.at,
    auditActions.indexOf(event.action),
    event.node,
    event.lock ?? null,
    event.fence ?? null,
    event.holder ?? null,
    event.holderName ?? null,
    event.project ?? null,
    event.targets ?? null,
    event.intention ?? null,
    event.metadata ?? null,
  ]);
  checksumPart.writeUInt32LE(checksum(event.at, body), 0);
  return [checksumPart, body];
}

/** @throws STORE_DAMAGED on anything that `encodeAuditEvent` could not have written under this key. */
export function decodeAuditEvent(key: number, frame: Uint8Array): AuditEvent {
  return eventFromFields(key, decodeFields(key, checkedBody(key, frame)));
}

/** For who only passes it on: a fraction of what decoding it takes. @throws STORE_DAMAGED when it is not as it was encoded. */
export function checkAuditFrame(key: number, frame: Uint8Array): void {
  checkedBody(key, frame);
}

function checkedBody(key: number, frame: Uint8Array): Uint8Array {
  if (frame.length <= headerBytes || frame.length > maxAuditBytes)
    throw damaged(key, `has ${frame.length} bytes`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const body = frame.subarray(headerBytes);
  if (view.getUint32(0, true) !== checksum(key, body)) throw damaged(key, 'fails its checksum');
  return body;
}

function decodeFields(key: number, body: Uint8Array): readonly unknown[] {
  let fields: unknown;
  try {
    fields = decodeCbor(body);
  } catch (cause) {
    throw damaged(key, 'is not CBOR', cause);
  }
  if (!Array.isArray(fields) || fields.length !== 12 || fields[0] !== eventVersion)
    throw damaged(key, 'has an unknown form');
  return fields;
}

function eventFromFields(key: number, fields: readonly unknown[]): AuditEvent {
  const [, at, actionNumber, node, lock, fence, holder, holderName, project, targets, intention, metadata] =
    fields;
  const action = Number.isInteger(actionNumber) ? auditActions[actionNumber as number] : undefined;
  const sound =
    isHlcTime(at) &&
    at === key &&
    action !== undefined &&
    typeof node === 'string' &&
    [lock, holder, holderName, project, intention].every(
      (text) => text === null || typeof text === 'string',
    ) &&
    (fence === null || Number.isSafeInteger(fence)) &&
    (targets === null || (Array.isArray(targets) && targets.every((target) => typeof target === 'string'))) &&
    (metadata === null || (typeof metadata === 'object' && !Array.isArray(metadata)));
  if (!sound) throw damaged(key, 'has a field of the wrong form');
  return {
    at,
    action,
    node: node as NodeId,
    ...(lock === null ? {} : { lock: lock as LockId }),
    ...(fence === null ? {} : { fence: fence as number }),
    ...(holder === null ? {} : { holder: holder as AgentId }),
    ...(holderName === null ? {} : { holderName: holderName as string }),
    ...(project === null ? {} : { project: project as ProjectId }),
    ...(targets === null ? {} : { targets: targets as readonly string[] }),
    ...(intention === null ? {} : { intention: intention as string }),
    ...(metadata === null ? {} : { metadata: metadata as Readonly<Record<string, unknown>> }),
  };
}

function damaged(key: number, what: string, cause?: unknown): CollabError {
  return new CollabError('STORE_DAMAGED', `the audit event ${key} ${what}`, {
    next: 'Run agent-collab verify --repair.',
    details: { key },
    ...(cause === undefined ? {} : { cause }),
  });
}
