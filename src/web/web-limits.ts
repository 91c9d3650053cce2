/** What the HTTP server allows a client. Tests pass smaller numbers; everything else takes `webLimits`. */
export interface WebLimits {
  /** Connections at once, for each of the two listeners. Each agent keeps one or two; more is a leak or an attack. */
  readonly maxConnections: number;
  /** Bytes of the request line and all headers together. */
  readonly maxHeaderBytes: number;
  /** From the connection, or the end of the last request, to the end of the headers: ends a slow-loris client. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the last of its body. Does not limit how long the answer takes. */
  readonly requestTimeoutMs: number;
  /** How often the two limits above are looked at; they are exceeded by at most this. */
  readonly timeoutCheckMs: number;
  /** Unused keep-alive connections are closed after this. The client reads it from the Keep-Alive header and goes first. */
  readonly keepAliveMs: number;
  /** Requests of one connection that wait for their answers; a client that pipelines more is cut off. */
  readonly maxPipelined: number;
  /** Values in one request body: parsing and checking stay within milliseconds of the main thread. */
  readonly maxBodyValues: number;
  /** Event streams at once; times `maxStreamBacklogBytes` it bounds the memory that followers can take. */
  readonly maxStreams: number;
  /** Bytes that an event stream may lag behind before it is cut off. Over the JSON of the largest delta. */
  readonly maxStreamBacklogBytes: number;
  /** Between two heartbeats on an event stream: shows both sides that the other one is there. */
  readonly heartbeatMs: number;
  /** How long `close` waits for running requests; leaves the rest of the daemon's 5 s to the stores. */
  readonly drainMs: number;
}

export const webLimits: WebLimits = Object.freeze({
  maxConnections: 512,
  maxHeaderBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  timeoutCheckMs: 2_000,
  keepAliveMs: 60_000,
  maxPipelined: 64,
  maxBodyValues: 50_000,
  maxStreams: 64,
  maxStreamBacklogBytes: 1024 * 1024,
  heartbeatMs: 15_000,
  drainMs: 1_000,
});
