/** What people ask of the cluster, carried out on the peers' thread. */
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { randomHex } from '../base/random.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import type { Answerers } from '../queue/thread-link.ts';
import { type ClusterDocument, keyIdOf, loadCluster, type MemberPlaces } from './cluster-file.ts';
import { ClusterStore } from './cluster-store.ts';
import { knock } from './door.ts';
import { decodeInvite, refusedInvite } from './invite-token.ts';
import { invite, invites, revokeInvite } from './invites.ts';
import { clusterIdOf, type Member, Membership } from './membership.ts';
import type { ClusterView, PeerAsks, PeerView } from './peer-contract.ts';
import type { PeerNode } from './peer-node.ts';

/** Gossip of a farewell gets this long. */
const farewellMs = 400;

export function operationsOf(node: PeerNode): Answerers<PeerAsks> {
  return {
    init: ({ name }) => init(node, name),
    invite: ({ ttlMs }) => invite(node, ttlMs),
    invites: () => invites(node),
    revokeInvite: ({ id }) => revokeInvite(node, id),
    join: ({ token }) => join(node, token),
    leave: () => leave(node),
    evict: ({ node: text }) => evict(node, text),
    rotate: () => rotate(node),
    cluster: () => (node.runningOrNone === undefined ? null : clusterView(node)),
    peers: () => peerViews(node),
    find: ({ node: text }) => peerView(node, findMember(node.running.store.membership, text)),
    blame: ({ node: peer, what }) => node.offences.add(peer, 'malformed', what.slice(0, 200)),
    grew: (own) => node.runningOrNone?.mesh.grew(own),
    send: async ({ to, bytes }) => (await node.runningOrNone?.mesh.send(to, bytes)) ?? false,
    close: () => node.close(),
  };
}

async function init(node: PeerNode, name: string): Promise<ClusterView> {
  await refuseASecond(node);
  const nonce = randomHex(16);
  const cluster = clusterIdOf(node.own, nonce);
  const record = node.signRaw({
    kind: 'add',
    cluster,
    node: node.own,
    generation: 1,
    text: node.parts.start.name,
    keeps: [nonce],
    by: node.own,
    as: 1,
    at: node.parts.clock.wallMs(),
  });
  await begin(node, {
    version: 1,
    cluster,
    name,
    epoch: 0,
    secret: newKey(),
    doorKey: newKey(),
    ports: { main: 0, door: 0 },
    records: [record],
    invites: [],
    places: {},
  });
  return clusterView(node);
}

async function join(node: PeerNode, token: string): Promise<ClusterView> {
  const { clock, start } = node.parts;
  const presented = decodeInvite(token, clock.wallMs());
  const current = node.runningOrNone?.store;
  if (current?.membership.isMember(node.own) === true) {
    if (current.membership.cluster === presented.cluster)
      throw refusedInvite('used', `this node is a member of ${current.document.name} already`);
    await refuseASecond(node);
  }
  if (presented.inviter === node.own) throw refusedInvite('foreign', 'this node wrote the invite itself');
  const keys = { ...node.doorKeys, doorKey: presented.doorKey };
  const answer = await knock(keys, presented.inviter, presented.addresses, {
    kind: 'join',
    cluster: presented.cluster,
    invite: presented.id,
    secret: presented.secret,
    name: start.name,
    version: start.version,
  });
  const { cluster, name, epoch, secret, doorKey, records, main, door } = answer;
  if (!new Membership(cluster, records).isMember(node.own))
    throw new CollabError('PEER_UNREACHABLE', 'the inviter answered, and has not admitted this node', {
      next: 'Ask a member for a new invite.',
    });
  await node.stop();
  const place: MemberPlaces = { main, door, version: '', lastSeenMs: clock.wallMs() };
  await begin(node, {
    version: 1,
    cluster,
    name,
    epoch,
    secret,
    doorKey,
    ports: { main: 0, door: 0 },
    records,
    invites: [],
    places: { [presented.inviter]: place },
  });
  return clusterView(node);
}

async function begin(node: PeerNode, document: ClusterDocument): Promise<void> {
  await node.run(await ClusterStore.create(node.parts.start.clusterFile, document));
}

/** A cluster that this node was thrown out of, or has left, is none that keeps it from another. */
async function refuseASecond(node: PeerNode): Promise<void> {
  const { clusterFile } = node.parts.start;
  const document = node.runningOrNone?.store.document ?? (await loadCluster(clusterFile))?.document;
  if (document === undefined) return;
  if (!new Membership(document.cluster, document.records).isMember(node.own)) {
    await node.stop();
    return;
  }
  throw new CollabError('CLUSTER_EXISTS', `this node is a member of ${document.name} already`, {
    next: 'Leave it first: agent-collab leave.',
    details: { cluster: document.cluster, name: document.name },
  });
}

async function leave(node: PeerNode): Promise<{ readonly told: number }> {
  const { store, mesh } = node.running;
  const told = mesh.connected().length;
  const me = store.membership.get(node.own);
  if (me?.gone === undefined) {
    const generation = me?.generation ?? 1;
    const record = node.sign({ kind: 'remove', node: node.own, generation, text: 'left', keeps: [] }, store);
    await store.addRecords([record]);
    await mesh.tellRecords([record]);
    await delay(farewellMs);
  }
  await node.stop();
  await rm(node.parts.start.clusterFile, { force: true });
  return { told };
}

async function evict(node: PeerNode, text: string): Promise<PeerView> {
  const { store } = node.running;
  const member = findMember(store.membership, text);
  if (member.node === node.own)
    throw new CollabError('INVALID_ARGUMENT', 'a node does not evict itself', {
      next: 'Leave: agent-collab leave.',
    });
  if (member.gone === undefined) {
    const { node: whom, generation } = member;
    const keeps = store.membership.recordsBy(whom);
    await node.takeRecords([
      node.sign({ kind: 'remove', node: whom, generation, text: 'evicted', keeps }, store),
    ]);
  }
  return peerView(node, findMember(store.membership, member.node));
}

async function rotate(
  node: PeerNode,
): Promise<{ readonly epoch: number; readonly told: number; readonly later: number }> {
  const { store, keys, mesh } = node.running;
  if (!store.membership.isMember(node.own))
    throw new CollabError('NOT_IN_CLUSTER', 'this node is no member any more');
  const secret = newKey();
  const epoch = Math.max(store.document.epoch, store.membership.epoch?.epoch ?? 0) + 1;
  const record = node.sign(
    { kind: 'rotate', node: node.own, generation: epoch, text: keyIdOf(secret), keeps: [] },
    store,
  );
  await keys.make(record, secret);
  const connected = mesh.connected();
  const answers = await Promise.all(connected.map((peer) => mesh.tellKey(peer, { record, secret })));
  const told = answers.filter(Boolean).length;
  node.changeKey();
  const members = store.membership.all().filter(({ gone }) => gone === undefined).length;
  return { epoch, told, later: members - 1 - told };
}

/** By id, by its end, or by name. */
function findMember(membership: Membership, text: string): Member {
  const all = membership.all();
  const found = all.filter(
    ({ node, name }) => node === text || (text.length >= 4 && node.endsWith(text)) || name === text,
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new CollabError(
    'NOT_FOUND',
    `${found.length === 0 ? 'no' : found.length} members fit "${text.slice(0, 80)}"`,
    {
      next: 'See who there is: agent-collab peers list.',
    },
  );
}

function clusterView(node: PeerNode): ClusterView {
  const { store, mesh } = node.running;
  const { cluster, name, epoch } = store.document;
  const members = store.membership.all().filter(({ gone }) => gone === undefined).length;
  const { addresses, gossip } = mesh;
  return { id: cluster, name, epoch, members, connected: mesh.connected().length, addresses, gossip };
}

function peerViews(node: PeerNode): readonly PeerView[] {
  const { store } = node.running;
  const members = store.membership.all().map((member) => peerView(node, member));
  const strangers = node.offences.peers().filter((peer) => !store.membership.wasMember(peer));
  return [...members, ...strangers.map((peer) => strangerView(node, peer))];
}

function peerView(node: PeerNode, member: Member): PeerView {
  const { store, mesh } = node.running;
  const isSelf = member.node === node.own;
  const connection = isSelf ? undefined : mesh.connectionTo(member.node);
  const place = store.place(member.node);
  const theirs = mesh.vectorOf(member.node);
  const mine = node.replica.vector();
  const standing = node.offences.of(member.node);
  return {
    node: member.node,
    name: member.name,
    state:
      isSelf && member.gone === undefined
        ? 'self'
        : stateOf(member, connection !== undefined, node.offences.isCutOff(member.node)),
    address: isSelf
      ? (mesh.addresses[0] ?? null)
      : (connection?.remoteAddr.toString() ?? place?.main[0] ?? null),
    direction: connection?.direction ?? null,
    relayed: connection !== undefined && !connection.direct,
    roundTripMs: connection?.rtt ?? null,
    behind: theirs === undefined ? null : missing(theirs, mine),
    ahead: theirs === undefined ? null : missing(mine, theirs),
    lastSeenMs: isSelf ? node.parts.clock.wallMs() : (place?.lastSeenMs ?? null),
    version: isSelf ? node.parts.start.version : place?.version || null,
    offences: standing === undefined ? null : { count: standing.count, last: standing.last },
  };
}

function stateOf({ gone }: Member, isConnected: boolean, isCutOff: boolean): PeerView['state'] {
  if (gone !== undefined) return gone;
  if (isCutOff) return 'cut off';
  return isConnected ? 'connected' : 'away';
}

function strangerView(node: PeerNode, peer: NodeId): PeerView {
  const standing = node.offences.of(peer);
  return {
    node: peer,
    name: '',
    state: 'cut off',
    address: null,
    direction: null,
    relayed: false,
    roundTripMs: null,
    behind: null,
    ahead: null,
    lastSeenMs: standing?.lastAtMs ?? null,
    version: null,
    offences: standing === undefined ? null : { count: standing.count, last: standing.last },
  };
}

/** Deltas in `vector` that `of` lacks. */
function missing(vector: VersionVector, of: VersionVector): number {
  return Object.keys(vector).reduce(
    (sum, source) => sum + Math.max(0, seqOf(vector, source as NodeId) - seqOf(of, source as NodeId)),
    0,
  );
}

function newKey(): string {
  return Buffer.from(randomHex(32), 'hex').toString('base64');
}
