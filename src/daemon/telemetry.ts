/** Export of metrics and traces, where the environment asks for it. */
import type { Clock } from '../base/clock.ts';
import { otlpEnvironment } from '../base/environment.ts';
import type { Logger } from '../base/log.ts';
import { version } from '../base/version.ts';
import type { StatusView } from '../control/results.ts';
import { noTracing, type Tracing } from '../control/tracing.ts';
import { otlpSettings } from '../otlp/otlp-settings.ts';
import type { DaemonMetrics } from './metrics-report.ts';

export interface TelemetryParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: string;
  readonly metrics: DaemonMetrics;
  readonly status: () => Promise<StatusView>;
}

export interface Telemetry {
  readonly tracing: Tracing;
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

export async function openTelemetry(parts: TelemetryParts): Promise<Telemetry> {
  const settings = otlpSettings(otlpEnvironment());
  if (settings === undefined) return { tracing: noTracing, warnings: [], close: async () => {} };
  const { clock, logger, node, metrics, status } = parts;
  const { warnings } = settings;
  for (const warning of warnings) logger.warn(warning);
  const { startOtlp } = await import('../otlp/otlp-export.ts');
  const otlp = startOtlp(settings, {
    logger,
    version,
    node,
    startedMs: clock.wallMs(),
    wallMs: () => clock.wallMs(),
    collect: async () => metrics.report(await status(), clock.wallMs()),
  });
  return { ...otlp, warnings };
}
