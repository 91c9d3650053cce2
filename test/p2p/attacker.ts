/** Somebody on the network who does as it likes: a libp2p node of the test's own, with a real key and, when it has joined, a real membership. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Stream } from '@libp2p/interface';
import type { NodeId } from '../../src/base/ids.ts';
import { type DoorAnswer, knock } from '../../src/p2p/door.ts';
import { catchUpProtocol } from '../../src/p2p/exchange.ts';
import { decodeInvite } from '../../src/p2p/invite-token.ts';
import { type MainNet, openMainNet, peerIdOf, topicsOf, tryAddress } from '../../src/p2p/net.ts';
import type { Run } from '../../src/p2p/run.ts';
import { encodeToldRun } from '../../src/p2p/told-run.ts';
import { Identity } from './identity.ts';

// A line that is cut in the middle of a handshake: libp2p has let go of the socket by then, and its error would end the test.
subscribe('net.client.socket', (message) => {
  (message as { socket: Socket }).socket.on('error', () => {});
});

export class Attacker {
  readonly identity: Identity;
  readonly cluster: string;
  readonly #net: MainNet;
  readonly #ends: (() => void)[] = [];
  #isClosed = false;

  private constructor(identity: Identity, cluster: string, net: MainNet) {
    this.identity = identity;
    this.cluster = cluster;
    this.#net = net;
  }

  /** Presents an invite as any new member does. */
  static async present(token: string, identity = new Identity(), name = 'mallory'): Promise<DoorAnswer> {
    const {
      doorKey,
      inviter,
      addresses,
      cluster,
      id,
      secret,
    } = // Whether it has expired is the inviter's to say.
      decodeInvite(token, 0);
    const keys = { seed: identity.seed, doorKey, listen: '127.0.0.1' };
    return knock(keys, inviter, addresses, { kind: 'join', cluster, invite: id, secret, name, version: '0' });
  }

  /** Opens a network with a key that it was given or has made up. */
  static async with(identity: Identity, cluster: string, networkKey: string): Promise<Attacker> {
    const net = await openMainNet({
      seed: identity.seed,
      networkKey: Buffer.from(networkKey, 'base64'),
      listen: '127.0.0.1',
      port: 0,
      cluster,
      mdns: false,
      isAllowed: () => true,
    });
    // It believes everything.
    for (const topic of topicsOf(cluster)) net.services.pubsub.subscribe(topic);
    return new Attacker(identity, cluster, net);
  }

  static async member(token: string): Promise<{ attacker: Attacker; answer: DoorAnswer }> {
    const identity = new Identity();
    const answer = await Attacker.present(token, identity);
    const attacker = await Attacker.with(identity, answer.cluster, answer.secret);
    return { attacker, answer };
  }

  async dial(node: NodeId, addresses: readonly string[]): Promise<void> {
    const known = addresses.map((text) => tryAddress(text, node)).filter((it) => it !== undefined);
    await this.#net.dial(known, { signal: AbortSignal.timeout(2500) });
  }

  /** True while the other end keeps the connection. */
  isConnectedTo(node: NodeId): boolean {
    return this.#net.getConnections(peerIdOf(node)).some(({ status }) => status === 'open');
  }

  /** True when the node listens to what is told of deltas. */
  isHeardBy(node: NodeId): boolean {
    const [deltas] = topicsOf(this.cluster);
    return this.#net.services.pubsub.getSubscribers(deltas).some((peer) => peer.toString() === node);
  }

  async tell(data: Uint8Array, topic: 'deltas' | 'members' = 'deltas'): Promise<void> {
    const [deltas, members] = topicsOf(this.cluster);
    await this.#net.services.pubsub.publish(topic === 'deltas' ? deltas : members, data).catch(() => {});
  }

  tellRun(run: Run): Promise<void> {
    return this.tell(Buffer.concat([Buffer.of(1), encodeToldRun(run, [])]));
  }

  /** Tells one node alone, and that all of these have been told. */
  whisper(run: Run, to: NodeId, told: readonly NodeId[]): boolean {
    const [topic] = topicsOf(this.cluster);
    const data = Buffer.concat([Buffer.of(1), encodeToldRun(run, told)]);
    const pubsub = this.#net.services.pubsub as unknown as {
      sendRpc(to: NodeId, rpc: unknown): boolean;
    };
    return pubsub.sendRpc(to, { subscriptions: [], messages: [{ topic, data }] });
  }

  /** A raw stream of the catch-up protocol. */
  stream(node: NodeId) {
    return this.#net.dialProtocol(peerIdOf(node), catchUpProtocol(this.cluster), {
      signal: AbortSignal.timeout(5000),
    });
  }

  /** Opens streams on each of which a byte of a long message comes a second, and new ones as they are closed, while it is let. */
  async drip(node: NodeId, count: number): Promise<void> {
    const connection = this.#net.getConnections(peerIdOf(node)).find(({ status }) => status === 'open');
    for (let at = 0; at < count; at += 1) {
      const stream = await connection?.newStream(catchUpProtocol(this.cluster));
      if (stream !== undefined) this.#dripOn(stream, () => void this.drip(node, 1).catch(() => {}));
    }
  }

  /** Answers whoever asks it for deltas in the same way. */
  async serveDripping(): Promise<void> {
    await this.#net.handle(catchUpProtocol(this.cluster), (stream) => this.#dripOn(stream, () => {}));
  }

  #dripOn(stream: Stream, onEnd: () => void): void {
    // The length of 100 000 that comes before the message.
    stream.send(Buffer.of(0xa0, 0x8d, 0x06));
    const timer = setInterval(() => stream.status === 'open' && stream.send(Buffer.of(0x7b)), 1000);
    this.#ends.push(() => clearInterval(timer));
    stream.addEventListener('close', () => {
      clearInterval(timer);
      if (!this.#isClosed) onEnd();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#ends) end();
    await this.#net.stop();
  }
}
