/**
 * The door of a node: a second, small network under a key of its own, where somebody who is no member yet presents an invite, and where a
 * member that missed a change of the key asks for the new one. Whoever stands there is asked for one thing and sent away; gossip, catch-up
 * and the other members are behind the cluster's own network.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { CollabError, decodeError, encodeError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { isSecret, readAddresses } from './cluster-file.ts';
import { maxHelloBytes, maxMemberRecords, maxNameChars } from './limits.ts';
import { type MemberRecord, readRecord } from './membership.ts';
import { MessageStream } from './message-stream.ts';
import { nodeIdOf, openDoorNet, peerIdOf, tryAddress } from './net.ts';
import { RateGate } from './rate-gate.ts';

const protocol = '/agent-collab/door/1';
/** How long somebody may stand there. */
const visitMs = 15_000;
const visitsPerSecond = 5;
const visitsBurst = 20;

export type DoorRequest =
  | {
      readonly kind: 'join';
      readonly cluster: string;
      readonly invite: string;
      readonly secret: string;
      readonly name: string;
      readonly version: string;
    }
  | { readonly kind: 'key'; readonly cluster: string };

/** What a member is given: all that makes it one. */
export interface DoorAnswer {
  readonly cluster: string;
  readonly name: string;
  readonly epoch: number;
  readonly secret: string;
  readonly doorKey: string;
  readonly records: readonly MemberRecord[];
  readonly main: readonly string[];
  readonly door: readonly string[];
}

export interface DoorKeys {
  readonly seed: Uint8Array;
  readonly doorKey: string;
  readonly listen: string;
}

export class Door {
  readonly #net: Libp2p;

  private constructor(net: Libp2p) {
    this.#net = net;
  }

  static async open(
    keys: DoorKeys & { readonly port: number; readonly nowMs: () => number },
    answer: (from: NodeId, request: DoorRequest) => Promise<DoorAnswer>,
  ): Promise<Door> {
    const net = await openNet(keys, keys.port);
    const gate = new RateGate(visitsPerSecond, visitsBurst, keys.nowMs());
    await net.handle(
      protocol,
      (stream, connection) => {
        const visit = new MessageStream(stream, 4096);
        if (gate.take(1, keys.nowMs())) void receive(visit, connection, answer);
        else visit.abort('too many visits');
      },
      { maxInboundStreams: 1 },
    );
    // Nobody stays.
    net.addEventListener('connection:open', ({ detail }) => {
      setTimeout(
        () => void detail.close().catch(() => detail.abort(new Error('the visit is over'))),
        visitMs,
      ).unref();
    });
    return new Door(net);
  }

  get addresses(): readonly string[] {
    return this.#net.getMultiaddrs().map(String);
  }

  get port(): number {
    return portOf(this.addresses);
  }

  async close(): Promise<void> {
    await this.#net.stop();
  }
}

/** The TCP port in the first of the addresses, 0 when none has one. */
export function portOf(addresses: readonly string[]): number {
  return Number(
    addresses.map((text) => /\/tcp\/(\d+)/.exec(text)?.[1]).find((port) => port !== undefined) ?? 0,
  );
}

function openNet(keys: DoorKeys, port: number): Promise<Libp2p> {
  return openDoorNet({
    seed: keys.seed,
    networkKey: Buffer.from(keys.doorKey, 'base64'),
    listen: keys.listen,
    port,
    // Who is there shows in what it presents.
    isAllowed: () => true,
  });
}

async function receive(
  visit: MessageStream,
  connection: Connection,
  answer: (from: NodeId, request: DoorRequest) => Promise<DoorAnswer>,
): Promise<void> {
  try {
    const request = readRequest(await visit.readJson());
    if (request === undefined) throw new CollabError('INVALID_ARGUMENT', 'this is no request to a door');
    await visit.writeJson({ ok: true, answer: await answer(nodeIdOf(connection.remotePeer), request) });
  } catch (error) {
    // What a stranger is told of a fault of ours is that there was one.
    const told =
      error instanceof CollabError ? error : new CollabError('INTERNAL', 'the request could not be served');
    await visit.writeJson({ ok: false, error: encodeError(told) }).catch(() => {});
  }
  await visit.close();
}

/**
 * Knocks at the door of `node`.
 * @throws PEER_UNREACHABLE; what the other side refused with: INVITE_REFUSED and others.
 */
export async function knock(
  keys: DoorKeys,
  node: NodeId,
  addresses: readonly string[],
  request: DoorRequest,
): Promise<DoorAnswer> {
  const net = await openNet(keys, -1);
  try {
    const stream = await dial(net, node, addresses);
    const visit = new MessageStream(stream, maxHelloBytes);
    await visit.writeJson(request);
    return readAnswer(await visit.readJson(), request.cluster);
  } catch (error) {
    if (error instanceof CollabError) throw error;
    throw unreachable(node, error);
  } finally {
    await net.stop();
  }
}

async function dial(net: Libp2p, node: NodeId, addresses: readonly string[]): Promise<Stream> {
  const known = addresses.map((text) => tryAddress(text, node)).filter((it) => it !== undefined);
  if (known.length === 0) throw unreachable(node, new Error('no address of it is known'));
  await net.peerStore.merge(peerIdOf(node), { multiaddrs: known });
  return net.dialProtocol(known, protocol, { signal: AbortSignal.timeout(visitMs) });
}

function unreachable(node: NodeId, cause: unknown): CollabError {
  return new CollabError(
    'PEER_UNREACHABLE',
    `the member ${node} does not answer at any address that is known`,
    {
      next: 'Make sure that its daemon runs and that its door port is not blocked (agent-collab status there), then try again.',
      details: {
        node,
        cause: cause instanceof Error ? cause.message.slice(0, 200) : String(cause).slice(0, 200),
      },
    },
  );
}

function readRequest(value: unknown): DoorRequest | undefined {
  const it = (value ?? {}) as Readonly<Record<string, unknown>>;
  const text = (name: string, most: number) =>
    typeof it[name] === 'string' && (it[name] as string).length <= most;
  if (!text('cluster', 100)) return undefined;
  if (it.kind === 'key') return { kind: 'key', cluster: it.cluster as string };
  const sound =
    it.kind === 'join' &&
    text('invite', 100) &&
    text('secret', 100) &&
    text('name', maxNameChars) &&
    text('version', 50);
  return sound ? (it as unknown as DoorRequest) : undefined;
}

function readAnswer(value: unknown, cluster: string): DoorAnswer {
  const { ok, error, answer } = (value ?? {}) as { ok?: unknown; error?: unknown; answer?: unknown };
  if (ok !== true) throw decodeError(error);
  const it = (answer ?? {}) as Partial<Record<keyof DoorAnswer, unknown>>;
  const listed = Array.isArray(it.records) && it.records.length <= maxMemberRecords ? it.records : [];
  const records = listed.map((record) => readRecord(record, cluster));
  const sound =
    it.cluster === cluster &&
    typeof it.name === 'string' &&
    Number.isSafeInteger(it.epoch) &&
    isSecret(it.secret) &&
    isSecret(it.doorKey) &&
    records.length > 0 &&
    !records.includes(undefined);
  if (!sound)
    throw new CollabError('PEER_UNREACHABLE', 'what answers at that address is no member of the cluster');
  return {
    cluster,
    name: it.name as string,
    epoch: it.epoch as number,
    secret: it.secret as string,
    doorKey: it.doorKey as string,
    records: records as MemberRecord[],
    main: readAddresses(it.main),
    door: readAddresses(it.door),
  };
}
