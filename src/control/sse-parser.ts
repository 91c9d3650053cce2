import { StringDecoder } from 'node:string_decoder';

export interface SseEvent {
  /** `message` when the stream names none. */
  readonly event: string;
  readonly data: string;
}

/**
 * Server-sent events out of the bytes of a stream, cut anywhere: in a line, between CR and LF, or in a character
 * (WHATWG HTML, "Parsing an event stream"). `id` and `retry` serve reconnection, which is the caller's, and are skipped.
 */
export class SseParser {
  readonly #decoder = new StringDecoder('utf8');
  readonly #maxChars: number;
  #rest = '';
  #atStart = true;
  #afterReturn = false;
  #event = '';
  #data: string[] = [];
  #dataChars = 0;

  /** @param maxChars of one event: a stream without line ends must not fill the memory. */
  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  /** The events that `bytes` complete. @throws RangeError over `maxChars`. */
  push(bytes: Buffer): readonly SseEvent[] {
    let text = this.#decoder.write(bytes);
    if (text === '') return [];
    if (this.#atStart && text.startsWith('\ufeff')) text = text.slice(1);
    this.#atStart = false;
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    // What is left from before holds no line end, so the search starts in what is new.
    const lineEnd = /\r\n|\n|\r/g;
    lineEnd.lastIndex = this.#rest.length;
    text = this.#rest + text;
    this.#afterReturn = text.endsWith('\r');
    const events: SseEvent[] = [];
    let from = 0;
    for (let end = lineEnd.exec(text); end !== null; end = lineEnd.exec(text)) {
      this.#takeLine(text.slice(from, end.index), events);
      from = lineEnd.lastIndex;
    }
    this.#rest = text.slice(from);
    this.#limit();
    return events;
  }

  #takeLine(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0)
        events.push({ event: this.#event || 'message', data: this.#data.join('\n') });
      this.#event = '';
      this.#data = [];
      this.#dataChars = 0;
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    if (field !== 'data') return;
    this.#data.push(value);
    this.#dataChars += value.length + 1;
    this.#limit();
  }

  #limit(): void {
    if (this.#rest.length + this.#dataChars > this.#maxChars) {
      throw new RangeError(`an event has over ${this.#maxChars} characters`);
    }
  }
}
