/** Invites of this node: written, listed, revoked, and what happens when one is presented. */
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { randomHex, randomToken } from '../base/random.ts';
import { type IssuedInvite, sameHash, secretHashOf } from './cluster-file.ts';
import type { DoorRequest } from './door.ts';
import { encodeInvite, refusedInvite } from './invite-token.ts';
import { maxAddresses } from './limits.ts';
import type { MemberRecord } from './membership.ts';
import type { InviteView } from './peer-contract.ts';
import type { PeerNode } from './peer-node.ts';

/** More than that at once are a mistake. Those that are over are forgotten first. */
const maxInvites = 200;
const maxTtlMs = 30 * 86_400_000;
const minTtlMs = 1000;

export async function invite(
  node: PeerNode,
  ttlMs: number,
): Promise<InviteView & { readonly token: string }> {
  if (!(ttlMs >= minTtlMs && ttlMs <= maxTtlMs))
    throw new CollabError('INVALID_ARGUMENT', 'an invite lasts from a second to 30 days', {
      details: { field: 'ttlMs' },
    });
  const { store, door } = node.running;
  const nowMs = node.parts.clock.wallMs();
  const open = store.document.invites.filter((it) => stateOf(it, nowMs) === 'open');
  if (open.length >= maxInvites)
    throw new CollabError('INVALID_ARGUMENT', `${open.length} invites are open already`, {
      next: 'Revoke some: agent-collab invite revoke <id>.',
    });
  const secret = randomToken();
  const issued: IssuedInvite = {
    id: randomHex(6),
    secretHash: secretHashOf(secret),
    createdAtMs: nowMs,
    expiresAtMs: nowMs + ttlMs,
  };
  await store.change({ invites: [...store.document.invites.slice(-maxInvites), issued] });
  const { cluster, name, doorKey } = store.document;
  const token = encodeInvite(
    {
      cluster,
      name,
      id: issued.id,
      secret,
      doorKey,
      inviter: node.own,
      expiresAtMs: issued.expiresAtMs,
      addresses: door.addresses.slice(0, maxAddresses),
    },
    node.privateKey,
  );
  return { ...inviteView(issued, nowMs), token };
}

export function invites(node: PeerNode): readonly InviteView[] {
  const nowMs = node.parts.clock.wallMs();
  return node.running.store.document.invites.map((it) => inviteView(it, nowMs));
}

export async function revokeInvite(node: PeerNode, id: string): Promise<InviteView> {
  const { store } = node.running;
  const nowMs = node.parts.clock.wallMs();
  const issued = store.document.invites.find((it) => it.id === id);
  if (issued === undefined)
    throw new CollabError('NOT_FOUND', `no invite of this node has the id ${id.slice(0, 40)}`, {
      next: 'List them on the node that wrote it: agent-collab invite list.',
    });
  const revoked = stateOf(issued, nowMs) === 'open' ? { ...issued, revokedAtMs: nowMs } : issued;
  await store.change({ invites: store.document.invites.map((it) => (it === issued ? revoked : it)) });
  return inviteView(revoked, nowMs);
}

/**
 * Admits whoever presents a good invite: that it is used and the new member's record stand on disk together before anything is answered.
 * Presented again by the same node, which may not have got the answer, it is answered again.
 * @returns the record when there is a new one. @throws INVITE_REFUSED
 */
export async function admit(
  node: PeerNode,
  from: NodeId,
  request: DoorRequest & { readonly kind: 'join' },
): Promise<MemberRecord | undefined> {
  const { store } = node.running;
  const { membership } = store;
  const nowMs = node.parts.clock.wallMs();
  const issued = store.document.invites.find(({ id }) => id === request.invite);
  if (issued === undefined || !sameHash(issued.secretHash, secretHashOf(request.secret)))
    throw refusedInvite('unknown', 'the inviter knows no such invite');
  if (!membership.isMember(node.own)) throw refusedInvite('revoked', 'the inviter is no member any more');
  if (issued.usedBy === from && membership.isMember(from)) return undefined;
  const state = stateOf(issued, nowMs);
  if (state === 'used') throw refusedInvite('used', 'the invite has been used already');
  if (state === 'revoked') throw refusedInvite('revoked', 'the invite was revoked');
  if (state === 'expired') throw refusedInvite('expired', 'the invite has expired');
  const known = membership.get(from);
  const used = {
    invites: store.document.invites.map((it) => (it === issued ? { ...it, usedBy: from } : it)),
  };
  if (known !== undefined && known.gone === undefined) {
    await store.change(used);
    return undefined;
  }
  const record = node.sign(
    { kind: 'add', node: from, generation: (known?.generation ?? 0) + 1, text: request.name, keeps: [] },
    store,
  );
  membership.add([record]);
  await store.change({ ...used, records: membership.records() });
  return record;
}

function stateOf(issued: IssuedInvite, nowMs: number): InviteView['state'] {
  if (issued.usedBy !== undefined) return 'used';
  if (issued.revokedAtMs !== undefined) return 'revoked';
  return issued.expiresAtMs <= nowMs ? 'expired' : 'open';
}

function inviteView(issued: IssuedInvite, nowMs: number): InviteView {
  const { id, createdAtMs, expiresAtMs, usedBy } = issued;
  return { id, state: stateOf(issued, nowMs), createdAtMs, expiresAtMs, usedBy: usedBy ?? null };
}
