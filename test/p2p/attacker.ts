/** Somebody on the network who does as it likes: a libp2p node of the test's own, with a real key and, when it has joined, a real membership. */
import type { NodeId } from '../../src/base/ids.ts';
import { type DoorAnswer, knock } from '../../src/p2p/door.ts';
import { catchUpProtocol } from '../../src/p2p/exchange.ts';
import { decodeInvite } from '../../src/p2p/invite-token.ts';
import { type MainNet, openMainNet, peerIdOf, topicsOf, tryAddress } from '../../src/p2p/net.ts';
import { encodeRun, type Run } from '../../src/p2p/run.ts';
import { Identity } from './identity.ts';

export class Attacker {
  readonly identity: Identity;
  readonly cluster: string;
  readonly #net: MainNet;

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

  /** Of the deltas' topic: who would hear it. */
  get listeners(): number {
    const [deltas] = topicsOf(this.cluster);
    return this.#net.services.pubsub.getSubscribers(deltas).length;
  }

  async tell(data: Uint8Array, topic: 'deltas' | 'members' = 'deltas'): Promise<void> {
    const [deltas, members] = topicsOf(this.cluster);
    await this.#net.services.pubsub.publish(topic === 'deltas' ? deltas : members, data).catch(() => {});
  }

  tellRun(run: Run): Promise<void> {
    return this.tell(Buffer.concat([Buffer.of(1), encodeRun(run)]));
  }

  /** A raw stream of the catch-up protocol. */
  stream(node: NodeId) {
    return this.#net.dialProtocol(peerIdOf(node), catchUpProtocol(this.cluster), {
      signal: AbortSignal.timeout(5000),
    });
  }

  async close(): Promise<void> {
    await this.#net.stop();
  }
}
