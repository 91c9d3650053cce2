/** Metrics as they are at one moment, in no form of any one system yet: see exposition.ts and otlp/. */
import type { Buckets } from './histogram.ts';

/** Values are of this program: none comes from outside, so their number is bounded. */
export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export type Metric = { readonly name: string; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
  | { readonly type: 'histogram'; readonly series: readonly (readonly [Labels, Buckets])[] }
);

/** Names carry their unit and, of what only rises, `_total`. */
export class MetricSet {
  readonly metrics: Metric[] = [];

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.metrics.push({ name, help, type: 'counter', samples });
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.metrics.push({ name, help, type: 'gauge', samples });
  }

  histogram(name: string, help: string, series: readonly (readonly [Labels, Buckets])[]): void {
    this.metrics.push({ name, help, type: 'histogram', series });
  }
}
