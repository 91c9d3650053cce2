/**
 * The token of an invite: `acinv1.<payload>.<signature>`, both base64url; the payload is JSON. It opens the door of the inviter (door.ts)
 * and nothing else: the key of the cluster itself is given to who has been admitted.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import { publicKeyObject } from '../store/delta-intake.ts';
import { maxAddresses, maxNameChars } from './limits.ts';

export interface Invite {
  readonly cluster: string;
  readonly name: string;
  readonly id: string;
  /** Presented once, base64url. */
  readonly secret: string;
  /** The key of the doors, base64url of 32 bytes. */
  readonly doorKey: string;
  readonly inviter: NodeId;
  readonly expiresAtMs: number;
  /** Of the inviter's door. */
  readonly addresses: readonly string[];
}

const prefix = 'acinv1';
const maxTokenChars = 8192;

export function encodeInvite(invite: Invite, privateKey: KeyObject): string {
  const payload = Buffer.from(JSON.stringify(invite));
  return [
    prefix,
    payload.toString('base64url'),
    sign(null, signed(payload), privateKey).toString('base64url'),
  ].join('.');
}

/**
 * @param nowMs wall clock.
 * @throws INVITE_REFUSED with `details.reason` `bad` or `expired`. The message holds nothing of the token.
 */
export function decodeInvite(token: string, nowMs: number): Invite {
  const invite = readInvite(token.trim());
  if (invite === undefined) {
    throw refusedInvite('bad', 'this is not an invite of agent-collab, or it was changed on its way');
  }
  if (invite.expiresAtMs <= nowMs) {
    throw refusedInvite('expired', `the invite expired at ${new Date(invite.expiresAtMs).toISOString()}`);
  }
  return invite;
}

export type RefusalReason = 'bad' | 'expired' | 'used' | 'revoked' | 'foreign' | 'unknown';

export function refusedInvite(reason: RefusalReason, message: string): CollabError {
  return new CollabError('INVITE_REFUSED', message, {
    next: 'Ask a member for a new one: agent-collab invite.',
    details: { reason },
  });
}

function readInvite(token: string): Invite | undefined {
  const [head, body = '', seal = '', ...rest] = token.split('.');
  if (head !== prefix || rest.length > 0 || token.length > maxTokenChars) return undefined;
  try {
    const payload = Buffer.from(body, 'base64url');
    const it = JSON.parse(payload.toString('utf8')) as Partial<Record<keyof Invite, unknown>> | null;
    if (!isInvite(it)) return undefined;
    const { cluster, name, id, secret, doorKey, inviter, expiresAtMs, addresses } = it;
    if (!verify(null, signed(payload), publicKeyObject(inviter), Buffer.from(seal, 'base64url')))
      return undefined;
    return { cluster, name, id, secret, doorKey, inviter, expiresAtMs, addresses };
  } catch {
    // Not JSON; the message of JSON.parse would quote the token.
    return undefined;
  }
}

function isInvite(it: Partial<Record<keyof Invite, unknown>> | null): it is Invite {
  return (
    typeof it === 'object' &&
    it !== null &&
    [it.cluster, it.id, it.secret, it.doorKey].every(
      (text) => typeof text === 'string' && text.length <= 100,
    ) &&
    typeof it.name === 'string' &&
    it.name.length <= maxNameChars &&
    typeof it.inviter === 'string' &&
    isNodeId(it.inviter) &&
    Number.isSafeInteger(it.expiresAtMs) &&
    Array.isArray(it.addresses) &&
    it.addresses.length <= maxAddresses &&
    it.addresses.every((address) => typeof address === 'string' && address.length <= 300)
  );
}

function signed(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from('agent-collab invite 1\n'), payload]);
}
