export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/** Over any snapshot, which the daemon bounds: a stream without line ends must not fill the memory. */
const maxChars = 16 * 1024 * 1024;

/**
 * Server-sent events of a body (WHATWG HTML, "Parsing an event stream"). The browser's EventSource does the same, but
 * does not tell a session that is over (401) from a daemon that is gone. `id` and `retry` are not used.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<StreamEvent> {
  let rest = '';
  let name = '';
  let data: string[] = [];
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    if (rest.length > maxChars) throw new RangeError('an event of the daemon is too long');
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { name, data: data.join('\n') };
        name = '';
        data = [];
      }
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'event') name = value;
      if (field === 'data') data.push(value);
    }
  }
}
