/** A collector of OTLP over HTTP that reads the wire format itself: https://protobuf.dev/programming-guides/encoding/. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** Field number → what was there, in order: numbers of fixed width and varints as bigint, the rest as bytes. */
export class Message {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  constructor(bytes: Buffer) {
    let at = 0;
    const varint = (): bigint => {
      for (let value = 0n, shift = 0n; ; shift += 7n) {
        const byte = bytes.readUInt8(at++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const fixed = (length: number): Buffer => {
      at += length;
      if (at > bytes.length) throw new Error('the message is cut off');
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const [field, wire] = [tag >> 3, tag & 7];
      if (wire === 0) this.#add(field, varint());
      else if (wire === 1) this.#add(field, fixed(8).readBigUInt64LE());
      else if (wire === 2) this.#add(field, fixed(Number(varint())));
      else if (wire === 5) this.#add(field, BigInt(fixed(4).readUInt32LE()));
      else throw new Error(`wire type ${wire}`);
    }
  }

  #add(field: number, value: bigint | Buffer): void {
    this.#fields.set(field, [...(this.#fields.get(field) ?? []), value]);
  }

  all(field: number): readonly Message[] {
    return (this.#fields.get(field) ?? []).map((value) => new Message(value as Buffer));
  }

  one(field: number): Message {
    const [found] = this.all(field);
    if (found === undefined) throw new Error(`there is no field ${field}`);
    return found;
  }

  bytes(field: number): Buffer {
    return (this.#fields.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8');
  }

  /** As an integer; 0 where it is left out. */
  int(field: number): number {
    return Number(this.#fields.get(field)?.[0] ?? 0n);
  }

  double(field: number): number {
    const bits = Buffer.alloc(8);
    bits.writeBigUInt64LE((this.#fields.get(field)?.[0] as bigint | undefined) ?? 0n);
    return bits.readDoubleLE();
  }

  /** Fixed 64-bit numbers in one run. */
  packed(field: number): readonly bigint[] {
    const run = this.bytes(field);
    return Array.from({ length: run.length / 8 }, (_, at) => run.readBigUInt64LE(at * 8));
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }
}

/** `KeyValue`s with texts. */
export function attributesOf(messages: readonly Message[]): Readonly<Record<string, string>> {
  return Object.fromEntries(messages.map((pair) => [pair.text(1), pair.one(2).text(1)]));
}

export interface Received {
  readonly path: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Message;
}

export class Collector {
  readonly received: Received[] = [];
  status = 200;
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  static async open(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const sent = Buffer.concat(chunks);
        const { 'content-type': type, 'content-encoding': encoding } = incoming.headers;
        const body = new Message(encoding === 'gzip' ? gunzipSync(sent) : sent);
        this.received.push({ path: incoming.url ?? '', type, headers: incoming.headers, body });
        outgoing.writeHead(this.status, { 'content-type': 'application/x-protobuf' }).end();
        for (const wake of this.#waiting.splice(0)) wake();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The first thing that `find` makes of something received, now or later. */
  async until<T>(find: (received: Received) => T | undefined): Promise<T> {
    for (let looked = 0; ; looked += 1) {
      while (looked >= this.received.length)
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      const found = find(this.received[looked] as Received);
      if (found !== undefined) return found;
    }
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export interface SpanSeen {
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** 2: an error. */
  readonly status: number;
}

/** The spans of an export request. */
export function spansOf({ path, body }: Received): readonly SpanSeen[] {
  if (path !== '/v1/traces') return [];
  return body
    .all(1)
    .flatMap((resource) => resource.all(2).flatMap((scope) => scope.all(2)))
    .map((span) => ({
      trace: span.bytes(1).toString('hex'),
      id: span.bytes(2).toString('hex'),
      parent: span.bytes(4).toString('hex'),
      name: span.text(5),
      attributes: attributesOf(span.all(9)),
      status: span.has(15) ? span.one(15).int(3) : 0,
    }));
}
