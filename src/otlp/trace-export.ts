/** Spans of what is asked of the daemon, below those of whoever asks, through the exporter of OpenTelemetry. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, type TextMapGetter, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { toCollabError } from '../base/errors.ts';
import type { TraceCarrier, Tracing } from '../control/tracing.ts';

export interface TraceExport extends Tracing {
  /** Sends the rest and ends it. */
  close(): Promise<void>;
}

const getter: TextMapGetter<TraceCarrier> = {
  keys: (carrier) => Object.keys(carrier),
  get: (carrier, key) => (key === 'traceparent' || key === 'tracestate' ? carrier[key] : undefined),
};

/** Where to, how many at a time and which of them (`OTEL_TRACES_SAMPLER`) the packages read from the environment. */
export function exportTraces(
  resource: Resource,
  scope: { readonly name: string; readonly version: string },
): TraceExport {
  const processor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  const tracer = provider.getTracer(scope.name, scope.version);
  const propagator = new W3CTraceContextPropagator();
  return {
    span: async (name, carrier, attributes, work) => {
      const parent = propagator.extract(ROOT_CONTEXT, carrier, getter);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: { ...attributes } }, parent);
      const own: { traceparent?: string; tracestate?: string } = {};
      propagator.inject(trace.setSpan(parent, span), own, {
        set: (into, key, value) => {
          if (key === 'traceparent' || key === 'tracestate') into[key] = value;
        },
      });
      try {
        return await work(own);
      } catch (error) {
        // The code alone: a message may hold what another agent wrote.
        const { code } = toCollabError(error);
        span.setAttribute('error.type', code);
        span.setStatus({ code: SpanStatusCode.ERROR, message: code });
        throw error;
      } finally {
        span.end();
      }
    },
    close: () => provider.shutdown(),
  };
}
