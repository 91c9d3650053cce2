/** Messages on a direct stream: each with its length before it, a limit on that, and a limit on the wait. */
import type { Stream } from '@libp2p/interface';
import { type LengthPrefixedStream, lpStream } from '@libp2p/utils';
import { maxStreamMessageBytes, streamTimeoutMs } from './limits.ts';

/** What the other end did is against the protocol, and no accident of the network. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault';
  readonly kind: 'malformed' | 'forged' | 'stalled';

  constructor(kind: ProtocolFault['kind'], what: string) {
    super(what);
    this.kind = kind;
  }
}

export class MessageStream {
  readonly #stream: Stream;
  readonly #messages: LengthPrefixedStream<Stream>;

  /** Must be made before the first `await` of a stream's handler: what comes before there is a listener is lost. */
  constructor(stream: Stream, maxBytes: number = maxStreamMessageBytes) {
    this.#stream = stream;
    this.#messages = lpStream(stream, { maxDataLength: maxBytes, maxBufferSize: 4 * maxBytes });
  }

  /** @throws ProtocolFault when nothing comes, or something that is no message; any error when the stream ends. */
  async read(timeoutMs: number = streamTimeoutMs): Promise<Uint8Array> {
    try {
      return (await this.#messages.read({ signal: AbortSignal.timeout(timeoutMs) })).subarray();
    } catch (error) {
      throw faultOf(error);
    }
  }

  async readJson(): Promise<unknown> {
    const bytes = await this.read();
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      throw new ProtocolFault('malformed', 'a message is not JSON');
    }
  }

  /** Resolves once there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#messages.write(bytes, { signal: AbortSignal.timeout(streamTimeoutMs) });
  }

  writeJson(value: unknown): Promise<void> {
    return this.write(Buffer.from(JSON.stringify(value)));
  }

  async close(): Promise<void> {
    await this.#stream
      .close({ signal: AbortSignal.timeout(2000) })
      .catch(() => this.#stream.abort(new Error('not closed')));
  }

  abort(why: string): void {
    this.#stream.abort(new Error(why));
  }
}

function faultOf(error: unknown): unknown {
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || name === 'AbortError') return new ProtocolFault('stalled', 'nothing came');
  if (/^Invalid(DataLength|DataLengthLength|MessageLength)/.test(name) || name === 'StreamBufferError')
    return new ProtocolFault('malformed', 'a message is longer than it may be');
  return error;
}
