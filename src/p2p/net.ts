/** The private network of a cluster: libp2p, put together. The only file that knows its parts. */
import './promise-polyfill.ts';
import './stream-window.ts';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { dcutr } from '@libp2p/dcutr';
import { identify } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, PeerId } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { NodeId } from '../base/ids.ts';
import { maxGossipMessageBytes } from './limits.ts';
import { messageIdentity } from './told-run.ts';

export interface NetOptions {
  /** 32 bytes of the node's Ed25519 seed. Secret. */
  readonly seed: Uint8Array;
  /** 32 bytes. Secret. */
  readonly networkKey: Uint8Array;
  /** An IP address of this machine, `0.0.0.0` for all of IPv4. */
  readonly listen: string;
  readonly port: number;
  /** Asked for every connection, both ways, once its other end has proved who it is. */
  readonly isAllowed: (node: NodeId) => boolean;
}

export interface MainNetOptions extends NetOptions {
  readonly cluster: string;
  readonly mdns: boolean;
}

export type MainNet = Libp2p<{ pubsub: GossipSub }>;

/** Upper bound for a handshake: a wrong network key shows as silence. */
const handshakeMs = 5000;
const dialMs = 5000;

export async function openMainNet(options: MainNetOptions): Promise<MainNet> {
  const { cluster } = options;
  const net = await createLibp2p({
    ...(await common(options)),
    addresses: { listen: [`/ip4/${options.listen}/tcp/${options.port}`] },
    transports: [tcp(), circuitRelayTransport()],
    peerDiscovery: options.mdns
      ? // A name of its own, so that clusters on one LAN do not dial each other.
        [mdns({ serviceTag: `_ac-${cluster.slice(0, 12)}._udp.local`, interval: 10_000 })]
      : [],
    connectionMonitor: { enabled: true, pingInterval: 5000, abortConnectionOnPingFailure: true },
    services: {
      identify: identify({ protocolPrefix: 'agent-collab' }),
      ping: ping(),
      pubsub: gossipsub({
        // A run carries its source's signature, which our validator checks; a second one would cost a millisecond a message.
        globalSignaturePolicy: 'StrictNoSign',
        msgIdFn: ({ topic, data }) =>
          messageId(topic === topicsOf(cluster)[0] ? messageIdentity(data) : [data]),
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        emitSelf: false,
        // Clusters are small: straight to everybody keeps latency at one hop.
        floodPublish: true,
        // Passed on to so many, for members that the author has no connection to. The default of 6 made ten nodes hear each message 7 times.
        D: 3,
        Dlo: 2,
        Dhi: 4,
        Dscore: 2,
        Dout: 1,
        Dlazy: 3,
        doPX: false,
        // Members behind one router share an address. Who they are is proven; offences.ts keeps count of what they do.
        scoreParams: { IPColocationFactorWeight: 0 },
        fallbackToFloodsub: false,
        runOnLimitedConnection: true,
        allowedTopics: topicsOf(cluster),
        maxInboundDataLength: maxGossipMessageBytes,
        // What is queued for a peer that does not read. Over it the message is dropped, and catch-up brings it.
        maxOutboundBufferSize: 16 * 1024 * 1024,
      }),
      dht: kadDHT({
        protocol: `/agent-collab/${cluster}/kad/1.0.0`,
        clientMode: false,
        // Members are on private networks as often as not.
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        // Everybody's addresses also come with every catch-up; the DHT is for those that moved.
        querySelfInterval: 600_000,
      }),
      // For any member that cannot be reached directly. Unlimited: gossip and catch-up go through it.
      relay: circuitRelayServer({ reservations: { maxReservations: 64, applyDefaultLimit: false } }),
      dcutr: dcutr(),
    },
  });
  return net as unknown as MainNet;
}

/** What libp2p has for places at relays, and offers to nobody outside: see relays.ts. */
export interface Circuit {
  readonly reservationStore: {
    /** Asks for a place at the other end of a connection. */
    addRelay(relay: PeerId, type: 'configured'): Promise<unknown>;
    hasReservation(relay: PeerId): boolean;
    reservationCount(): number;
    /** Relays that it asks no more, since one dial failed or a protocol was not there yet. */
    readonly relayFilter: { remove(multihash: Uint8Array): boolean };
  };
  /** Asks for a place, and gives out the address that comes with it, also of a later place at the same relay. */
  listen(addresses: readonly Multiaddr[]): Promise<void>;
}

export function circuitOf(net: MainNet): Circuit {
  const { transportManager } = (
    net as unknown as {
      components: {
        transportManager: {
          getTransports(): readonly object[];
          listen(addresses: readonly Multiaddr[]): Promise<void>;
        };
      };
    }
  ).components;
  const transport = transportManager.getTransports().find((it) => 'reservationStore' in it);
  assert(transport !== undefined, 'libp2p has its circuit relay transport');
  const { reservationStore } = transport as Pick<Circuit, 'reservationStore'>;
  return { reservationStore, listen: (addresses) => transportManager.listen(addresses) };
}

/** The way in for who is invited, and for members that missed a new key: nothing but streams. */
export async function openDoorNet(options: NetOptions): Promise<Libp2p> {
  return createLibp2p({
    ...(await common(options)),
    addresses: { listen: options.port < 0 ? [] : [`/ip4/${options.listen}/tcp/${options.port}`] },
    transports: [tcp()],
    connectionMonitor: { enabled: false },
  });
}

async function common({ seed, networkKey, isAllowed }: NetOptions) {
  return {
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    connectionProtector: preSharedKey({ psk: swarmKey(networkKey), timeout: handshakeMs }),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: gaterOf((peer) => isAllowed(nodeIdOf(peer))),
    connectionManager: {
      maxConnections: 300,
      dialTimeout: dialMs,
      inboundUpgradeTimeout: handshakeMs,
      maxIncomingPendingConnections: 32,
      // From one address: a team behind one router starts its day at one time.
      inboundConnectionThreshold: 20,
      // Redialling is redial.ts's business: it knows who is a member.
      reconnectRetries: 0,
    },
  };
}

function gaterOf(isAllowed: (peer: PeerId) => boolean): ConnectionGater {
  return {
    denyDialPeer: (peer) => !isAllowed(peer),
    denyInboundEncryptedConnection: (peer) => !isAllowed(peer),
    denyOutboundEncryptedConnection: (peer) => !isAllowed(peer),
    denyInboundRelayReservation: (peer) => !isAllowed(peer),
    denyOutboundRelayedConnection: (source, destination) => !isAllowed(source) || !isAllowed(destination),
    denyInboundRelayedConnection: (relay, remote) => !isAllowed(relay) || !isAllowed(remote),
  };
}

function messageId(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, 20);
}

export function topicsOf(cluster: string): [deltas: string, members: string] {
  // 2: with the names of told-run.ts.
  return [`agent-collab/${cluster}/deltas/2`, `agent-collab/${cluster}/members/1`];
}

export function nodeIdOf(peer: PeerId): NodeId {
  return peer.toString() as NodeId;
}

export function peerIdOf(node: NodeId): PeerId {
  return peerIdFromString(node);
}

/** Undefined when the text, which may come from a peer, is no address, or that of somebody else. */
export function tryAddress(text: string, node: NodeId): Multiaddr | undefined {
  try {
    const address = multiaddr(text);
    // What stands before it in an address through a relay is the relay.
    const [, named] = /\/p2p\/([^/]+)$/.exec(text) ?? [];
    if (named === undefined) return address.encapsulate(`/p2p/${node}`);
    return named === node ? address : undefined;
  } catch {
    return undefined;
  }
}

function swarmKey(key: Uint8Array): Uint8Array {
  return Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString('hex')}`);
}
