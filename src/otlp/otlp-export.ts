/** The export by OTLP as a whole. Loaded only where it is asked for: its packages take 28 MB and some hundred milliseconds. */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { Logger } from '../base/log.ts';
import { noTracing, type Tracing } from '../control/tracing.ts';
import { exportMetrics, type MetricExportParts } from './metric-export.ts';
import type { OtlpSettings } from './otlp-settings.ts';
import { exportTraces } from './trace-export.ts';

export interface OtlpParts extends Pick<MetricExportParts, 'collect' | 'startedMs' | 'wallMs'> {
  readonly logger: Logger;
  readonly version: string;
  /** The id of this node. */
  readonly node: string;
}

export interface OtlpExport {
  readonly tracing: Tracing;
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>;
}

/** The daemon has 5 s in all: what a collector does not take by then is dropped. */
const closeMs = 1000;

export function startOtlp(settings: OtlpSettings, parts: OtlpParts): OtlpExport {
  const { logger, version, node } = parts;
  // A collector that does not answer is told of at each attempt, without what was to be sent.
  const say = (level: 'warn' | 'debug') => (message: string) =>
    logger[level]('otlp', { said: message.slice(0, 300) });
  diag.setLogger(
    { error: say('warn'), warn: say('warn'), info: say('debug'), debug: say('debug'), verbose: say('debug') },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const resource = resourceFromAttributes({
    ...settings.attributes,
    'service.name': settings.serviceName,
    'service.version': version,
    'service.instance.id': node,
  });
  const scope = { name: 'agent-collab', version };
  const closers: (() => Promise<void>)[] = [];
  let tracing: Tracing = noTracing;
  if (settings.traces) {
    const traces = exportTraces(resource, scope);
    tracing = traces;
    closers.push(() => traces.close());
  }
  if (settings.metrics) {
    closers.push(exportMetrics({ ...parts, resource, scope, intervalMs: settings.intervalMs }));
  }
  return {
    tracing,
    close: async () => {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, closeMs);
      });
      await Promise.race([Promise.allSettled(closers.map((close) => close())), limit]);
      clearTimeout(timer);
      diag.disable();
    },
  };
}
