/** The text form that Prometheus scrapes: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. */
import type { Buckets } from './histogram.ts';
import type { Labels, Metric } from './metric-set.ts';

export function exposeText(metrics: readonly Metric[]): string {
  return metrics.map((metric) => `${headOf(metric)}${linesOf(metric).join('')}`).join('');
}

function headOf({ name, help, type }: Metric): string {
  const shown = help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return `# HELP ${name} ${shown}\n# TYPE ${name} ${type}\n`;
}

function linesOf(metric: Metric): readonly string[] {
  return metric.type === 'histogram'
    ? metric.series.flatMap(([labels, buckets]) => histogramLines(metric.name, labels, buckets))
    : metric.samples.map(([labels, value]) => line(metric.name, labels, value));
}

function histogramLines(name: string, labels: Labels, { bounds, counts, sum }: Buckets): readonly string[] {
  let below = 0;
  const buckets = counts.map((count, at) => {
    below += count;
    const le = at < bounds.length ? String(bounds[at]) : '+Inf';
    return line(`${name}_bucket`, { ...labels, le }, below);
  });
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below)];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
