/** Our metrics through the exporter of OpenTelemetry, each interval all of them, counted since the daemon began. */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { emptyResource, type Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import type { Buckets } from '../metrics/histogram.ts';
import type { Labels, Metric } from '../metrics/metric-set.ts';

export interface MetricExportParts {
  readonly collect: () => Promise<readonly Metric[]>;
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly intervalMs: number;
  /** Epoch ms. */
  readonly startedMs: number;
  readonly wallMs: () => number;
}

/** @returns what sends the rest and ends it. Where to, and with which headers, the exporter reads from the environment. */
export function exportMetrics(parts: MetricExportParts): () => Promise<void> {
  const { collect, resource, scope, intervalMs, startedMs, wallMs } = parts;
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: intervalMs,
    // Has to be no longer than the interval, which tests make short.
    exportTimeoutMillis: Math.min(intervalMs, 30_000),
    metricProducers: [
      {
        collect: async () => {
          const times = { startTime: millisToHrTime(startedMs), endTime: millisToHrTime(wallMs()) };
          const metrics = (await collect()).map((metric) => metricData(metric, times));
          // The reader takes the resource of its own provider.
          return {
            resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope, metrics }] },
            errors: [],
          };
        },
      },
    ],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return () => provider.shutdown();
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function metricData(metric: Metric, times: Times): MetricData {
  const { name, help } = metric;
  const shared = {
    descriptor: { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const points = <T>(samples: readonly (readonly [Labels, T])[]) =>
    samples.map(([labels, value]) => ({ ...times, attributes: labels as Attributes, value }));
  switch (metric.type) {
    case 'counter':
      return {
        ...shared,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: points(metric.samples),
      };
    case 'gauge':
      return { ...shared, dataPointType: DataPointType.GAUGE, dataPoints: points(metric.samples) };
    case 'histogram': {
      const series = metric.series.map(([labels, buckets]) => [labels, histogramOf(buckets)] as const);
      return { ...shared, dataPointType: DataPointType.HISTOGRAM, dataPoints: points(series) };
    }
  }
}

function histogramOf({ bounds, counts, sum }: Buckets) {
  const count = counts.reduce((all, some) => all + some, 0);
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count };
}

/** As UCUM writes them. */
function unitOf(name: string): string {
  if (/_seconds(?:_total)?$/.test(name)) return 's';
  return /_bytes(?:_total)?$/.test(name) ? 'By' : '1';
}
