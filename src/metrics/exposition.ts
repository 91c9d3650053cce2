/** The text form that Prometheus scrapes: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. */
import type { Buckets } from './histogram.ts';

/** Values are of this program: none comes from outside, so their number is bounded. */
export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** Names carry their unit and, of what only rises, `_total`. */
export class Exposition {
  readonly #lines: string[] = [];

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#add(name, help, 'counter', samples);
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#add(name, help, 'gauge', samples);
  }

  histogram(name: string, help: string, series: readonly (readonly [Labels, Buckets])[]): void {
    this.#head(name, help, 'histogram');
    for (const [labels, { bounds, counts, sum }] of series) {
      let below = 0;
      counts.forEach((count, at) => {
        below += count;
        const le = at < bounds.length ? String(bounds[at]) : '+Inf';
        this.#line(`${name}_bucket`, { ...labels, le }, below);
      });
      this.#line(`${name}_sum`, labels, sum);
      this.#line(`${name}_count`, labels, below);
    }
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #add(name: string, help: string, type: string, samples: readonly Sample[]): void {
    this.#head(name, help, type);
    for (const [labels, value] of samples) this.#line(name, labels, value);
  }

  #head(name: string, help: string, type: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
      `# TYPE ${name} ${type}`,
    );
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
