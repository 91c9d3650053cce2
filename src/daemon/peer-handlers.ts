/** The operations on the cluster, carried out: from the peers' thread to what the control API answers. */

import type { InviteView, PeerView } from '../control/cluster-views.ts';
import type { Handlers } from '../control/handlers.ts';
import type { InviteView as ThreadInvite, PeerView as ThreadPeer } from '../p2p/peer-contract.ts';
import type { LockAgreement } from './lock-agreement.ts';
import type { PeerService } from './peer-service.ts';
import { isoTime } from './views.ts';

const defaultInviteTtlMs = 86_400_000;

export type PeerHandlers = Pick<Handlers, Extract<keyof Handlers, `cluster.${string}` | `peers.${string}`>>;

export function peerHandlers(peers: PeerService, agreement: LockAgreement): PeerHandlers {
  return {
    'cluster.init': async ({ name }) => {
      const cluster = await peers.ask('init', { name });
      agreement.founded(cluster.id);
      return { cluster };
    },
    'cluster.invite': async ({ ttlMs = defaultInviteTtlMs }) => {
      const { token, ...invite } = await peers.ask('invite', { ttlMs });
      return { invite: inviteView(invite), token };
    },
    'cluster.invites': async () => ({ invites: (await peers.ask('invites', undefined)).map(inviteView) }),
    'cluster.revokeInvite': async ({ id }) => ({
      invite: inviteView(await peers.ask('revokeInvite', { id })),
    }),
    'cluster.join': async ({ token }) => {
      const cluster = await peers.ask('join', { token });
      agreement.joined(cluster.id);
      return { cluster };
    },
    'cluster.leave': async () => {
      await agreement.leave();
      const left = await peers.ask('leave', undefined);
      await agreement.left();
      return left;
    },
    'cluster.rotate': () => peers.ask('rotate', undefined),
    'peers.list': async () => ({ peers: (await peers.ask('peers', undefined)).map(peerView) }),
    'peers.evict': async ({ node }) => {
      const { node: whom } = await peers.ask('find', { node });
      await agreement.putOut(whom);
      return { peer: peerView(await peers.ask('evict', { node: whom })) };
    },
  };
}

export function peerView({ lastSeenMs, ...peer }: ThreadPeer): PeerView {
  return { ...peer, lastSeen: lastSeenMs === null || lastSeenMs === 0 ? null : isoTime(lastSeenMs) };
}

function inviteView({ id, state, createdAtMs, expiresAtMs, usedBy }: ThreadInvite): InviteView {
  return { id, state, createdAt: isoTime(createdAtMs), expiresAt: isoTime(expiresAtMs), usedBy };
}
