/** Messages on a direct stream: each with its length before it, a limit on that, and a limit on the wait. */
import type { Stream } from '@libp2p/interface';
import { type LengthPrefixedStream, lpStream } from '@libp2p/utils';
import { leastBytesPerSecond, maxStreamMessageBytes, streamTimeoutMs } from './limits.ts';

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
  /** Bytes that have come. */
  #received = 0;

  /** Must be made before the first `await` of a stream's handler: what comes before there is a listener is lost. */
  constructor(stream: Stream, maxBytes: number = maxStreamMessageBytes) {
    this.#stream = stream;
    this.#messages = lpStream(stream, { maxDataLength: maxBytes, maxBufferSize: 4 * maxBytes });
    stream.addEventListener('message', ({ data }) => {
      this.#received += data.byteLength;
    });
  }

  /**
   * A message may take as long as its line needs, and no longer: in each `timeoutMs` there must come as much as the slowest line brings.
   * @throws ProtocolFault when too little comes, or something that is no message; any error when the stream ends.
   */
  async read(timeoutMs: number = streamTimeoutMs): Promise<Uint8Array> {
    const patience = new AbortController();
    let before = this.#received;
    const timer = setInterval(() => {
      if (this.#received - before < (timeoutMs / 1000) * leastBytesPerSecond)
        patience.abort(new DOMException('too little came', 'TimeoutError'));
      before = this.#received;
    }, timeoutMs);
    try {
      return (await this.#messages.read({ signal: patience.signal })).subarray();
    } catch (error) {
      throw patience.signal.aborted
        ? new ProtocolFault('stalled', 'nothing came, or too little')
        : faultOf(error);
    } finally {
      clearInterval(timer);
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

  /** Resolves once there is room for more. @throws ProtocolFault when the other end takes nothing, or too little. */
  async write(bytes: Uint8Array): Promise<void> {
    const longestMs = streamTimeoutMs + slowestMs(bytes.length);
    try {
      await this.#messages.write(bytes, { signal: AbortSignal.timeout(longestMs) });
    } catch (error) {
      throw isTimeout(error) ? new ProtocolFault('stalled', 'nothing was taken, or too little') : error;
    }
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

/** How long the slowest line needs for so many bytes. */
export function slowestMs(bytes: number): number {
  return Math.ceil((bytes / leastBytesPerSecond) * 1000);
}

function faultOf(error: unknown): unknown {
  const name = error instanceof Error ? error.name : '';
  if (/^Invalid(DataLength|DataLengthLength|MessageLength)/.test(name) || name === 'StreamBufferError')
    return new ProtocolFault('malformed', 'a message is longer than it may be');
  return error;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}
