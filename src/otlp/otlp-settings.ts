/**
 * What the standard variables ask for: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Without an endpoint
 * nothing is sent, unlike there: a daemon that everybody has must not call anywhere unasked.
 */
export interface OtlpSettings {
  readonly metrics: boolean;
  readonly traces: boolean;
  readonly intervalMs: number;
  /** Of the resource, besides our own. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** What was asked for and cannot be had. */
  readonly warnings: readonly string[];
}

type Variables = Readonly<Record<string, string | undefined>>;

const defaultIntervalMs = 60_000;
const shortestIntervalMs = 100;

/** Undefined: nothing is to be exported. */
export function otlpSettings(env: Variables): OtlpSettings | undefined {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return undefined;
  const warnings: string[] = [];
  const metrics = isWanted('METRICS', env, warnings);
  const traces = isWanted('TRACES', env, warnings);
  if (!metrics && !traces && warnings.length === 0) return undefined;
  const attributes = resourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES ?? '', warnings);
  return {
    metrics,
    traces,
    intervalMs: intervalMs(env.OTEL_METRIC_EXPORT_INTERVAL, warnings),
    attributes,
    serviceName: env.OTEL_SERVICE_NAME || attributes['service.name'] || 'agent-collab',
    warnings,
  };
}

function isWanted(signal: 'METRICS' | 'TRACES', env: Variables, warnings: string[]): boolean {
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const exporter = env[`OTEL_${signal}_EXPORTER`] || 'otlp';
  if (!endpoint || exporter === 'none') return false;
  if (exporter !== 'otlp') {
    warnings.push(`OTEL_${signal}_EXPORTER is "${exporter}", of which this program knows otlp and none`);
    return false;
  }
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    warnings.push(
      `the endpoint for ${signal.toLowerCase()} is no address that begins with http:// or https://`,
    );
    return false;
  }
  const protocol =
    env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] || env.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/protobuf';
  if (protocol === 'http/protobuf') return true;
  warnings.push(
    `${signal.toLowerCase()} are sent as http/protobuf (port 4318 as a rule), not as ${protocol.slice(0, 40)}`,
  );
  return true;
}

/** `key=value,key2=value2`, percent-encoded: W3C Baggage without properties. */
function resourceAttributes(text: string, warnings: string[]): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    try {
      if (key === undefined || value === undefined) throw new Error('no pair');
      attributes[decodeURIComponent(key)] = decodeURIComponent(value);
    } catch {
      warnings.push('a part of OTEL_RESOURCE_ATTRIBUTES is not key=value and is left out');
    }
  }
  return attributes;
}

function intervalMs(text: string | undefined, warnings: string[]): number {
  if (!text) return defaultIntervalMs;
  const given = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (given >= shortestIntervalMs) return given;
  warnings.push(`OTEL_METRIC_EXPORT_INTERVAL takes milliseconds from ${shortestIntervalMs} on`);
  return defaultIntervalMs;
}
