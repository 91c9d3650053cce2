/**
 * Messages from one member to another, straight: for whoever builds on this, such as the agreement on locks. Best effort: a message may be
 * lost with its connection, is never doubled, and those of one connection stay in order. No more is promised, and no more is needed there.
 */
import type { NodeId } from '../base/ids.ts';
import { directBurst, directBytesBurst, directBytesPerSecond, directPerSecond } from './limits.ts';
import { MessageStream, ProtocolFault } from './message-stream.ts';
import { type MainNet, nodeIdOf, peerIdOf } from './net.ts';
import type { OffenceKind } from './offences.ts';
import { RateGate } from './rate-gate.ts';

/** A view of the agreement with all that is promised in it, 20 000 claims of some 400 bytes. */
const maxMessageBytes = 8 * 1024 * 1024;
/** An idle stream is closed after this, and opened again by the next message. */
const idleMs = 120_000;
const openMs = 3000;

export interface DirectParts {
  readonly cluster: string;
  readonly nowMs: () => number;
  readonly onMessage: (from: NodeId, bytes: Uint8Array) => void;
  readonly onOffence: (from: NodeId, kind: OffenceKind, what: string) => void;
}

export class Direct {
  readonly #net: MainNet;
  readonly #parts: DirectParts;
  readonly #gates = new Map<NodeId, { readonly messages: RateGate; readonly bytes: RateGate }>();
  readonly #protocol: string;
  readonly #lines = new Map<NodeId, Promise<MessageStream>>();

  constructor(net: MainNet, parts: DirectParts) {
    this.#net = net;
    this.#parts = parts;
    this.#protocol = `/agent-collab/${parts.cluster}/direct/1`;
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

  /** There is a new connection, or none any more: what is sent next has a line of its own on the newest. */
  changed(node: NodeId): void {
    const line = this.#lines.get(node);
    this.#lines.delete(node);
    // What was written goes out first. A line that never came about has nothing to close.
    void line?.then((messages) => messages.close()).catch(() => {});
  }

  #open(to: NodeId): Promise<MessageStream> {
    const connection = this.#net.getConnections(peerIdOf(to)).findLast(({ status }) => status === 'open');
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
    const { onMessage, onOffence } = this.#parts;
    try {
      for (;;) {
        const bytes = await messages.read(idleMs);
        if (!this.#admits(from, bytes.length)) {
          onOffence(from, 'flood', 'more messages than a second may have');
          break;
        }
        onMessage(from, Uint8Array.from(bytes));
      }
    } catch (error) {
      // Otherwise it is its end, or there is nothing more to say.
      if (error instanceof ProtocolFault && error.kind !== 'stalled')
        onOffence(from, error.kind, error.message);
    }
    messages.abort('closed');
  }

  #admits(from: NodeId, bytes: number): boolean {
    const nowMs = this.#parts.nowMs();
    const gates = this.#gates.get(from) ?? {
      messages: new RateGate(directPerSecond, directBurst, nowMs),
      bytes: new RateGate(directBytesPerSecond, directBytesBurst, nowMs),
    };
    this.#gates.set(from, gates);
    return gates.messages.take(1, nowMs) && gates.bytes.take(bytes, nowMs);
  }
}
