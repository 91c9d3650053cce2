/**
 * Messages from one member to another, straight: for whoever builds on this, such as the agreement on locks. Best effort: a message may be
 * lost with its connection, is never doubled, and those of one connection stay in order. No more is promised, and no more is needed there.
 */
import type { NodeId } from '../base/ids.ts';
import { MessageStream } from './message-stream.ts';
import { type MainNet, nodeIdOf, peerIdOf } from './net.ts';

const maxMessageBytes = 256 * 1024;
/** An idle stream is closed after this, and opened again by the next message. */
const idleMs = 120_000;
const openMs = 3000;

export class Direct {
  readonly #net: MainNet;
  readonly #protocol: string;
  readonly #onMessage: (from: NodeId, bytes: Uint8Array) => void;
  readonly #lines = new Map<NodeId, Promise<MessageStream>>();

  constructor(net: MainNet, cluster: string, onMessage: (from: NodeId, bytes: Uint8Array) => void) {
    this.#net = net;
    this.#protocol = `/agent-collab/${cluster}/direct/1`;
    this.#onMessage = onMessage;
  }

  async start(): Promise<void> {
    await this.#net.handle(
      this.#protocol,
      (stream, connection) => {
        const messages = new MessageStream(stream, maxMessageBytes);
        void this.#listen(nodeIdOf(connection.remotePeer), messages);
      },
      { maxInboundStreams: 4, runOnLimitedConnection: true },
    );
  }

  /** False when the member is not connected, or the message is too long. */
  async send(to: NodeId, bytes: Uint8Array): Promise<boolean> {
    if (bytes.length === 0 || bytes.length > maxMessageBytes) return false;
    const line = this.#lines.get(to) ?? this.#open(to);
    try {
      await (await line).write(bytes);
      return true;
    } catch {
      if (this.#lines.get(to) === line) this.#lines.delete(to);
      return false;
    }
  }

  #open(to: NodeId): Promise<MessageStream> {
    const connection = this.#net.getConnections(peerIdOf(to)).find(({ status }) => status === 'open');
    const line =
      connection === undefined
        ? Promise.reject(new Error('not connected'))
        : connection
            .newStream(this.#protocol, { signal: AbortSignal.timeout(openMs), runOnLimitedConnection: true })
            .then((stream) => new MessageStream(stream, maxMessageBytes));
    this.#lines.set(to, line);
    return line;
  }

  async #listen(from: NodeId, messages: MessageStream): Promise<void> {
    try {
      for (;;) this.#onMessage(from, Uint8Array.from(await messages.read(idleMs)));
    } catch {
      // Its end, or nothing more to say.
      messages.abort('idle');
    }
  }
}
