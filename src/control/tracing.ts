/**
 * Trace context that a request carries (W3C Trace Context: https://www.w3.org/TR/trace-context/): in headers of HTTP, in `_meta` of MCP. It is
 * passed on as it came; only where traces are exported does a span of ours stand in between.
 */

export interface TraceCarrier {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Tracing {
  /**
   * Runs `work` as a span below the carrier's. What it throws ends the span as failed, and goes on.
   * @param work gets what to pass on.
   */
  span<T>(
    name: string,
    carrier: TraceCarrier,
    attributes: SpanAttributes,
    work: (own: TraceCarrier) => Promise<T>,
  ): Promise<T>;
}

export const noTracing: Tracing = { span: (_name, carrier, _attributes, work) => work(carrier) };

/** Longer ones are no trace state (the standard asks for 512 at least). */
const maxStateChars = 1024;

/** Of what may come from anywhere; what has not the form of the standard is left out. */
export function readCarrier(fields: Readonly<Record<string, unknown>> | undefined): TraceCarrier {
  const { traceparent, tracestate } = fields ?? {};
  if (typeof traceparent !== 'string' || !isTraceparent(traceparent)) return {};
  const isState =
    typeof tracestate === 'string' && tracestate.length <= maxStateChars && /^[\x20-\x7e]+$/.test(tracestate);
  return { traceparent, ...(isState ? { tracestate } : {}) };
}

function isTraceparent(text: string): boolean {
  const [, version, trace, span] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.{0,200})?$/.exec(text) ?? [];
  return version !== undefined && version !== 'ff' && /[^0]/.test(trace ?? '') && /[^0]/.test(span ?? '');
}

/** For a line of the log: the one thing to look a trace up by. */
export function traceIdOf({ traceparent }: TraceCarrier): string | undefined {
  return traceparent?.slice(3, 35);
}
