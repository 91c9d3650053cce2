import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposeText } from '../../src/metrics/exposition.ts';
import { Histogram } from '../../src/metrics/histogram.ts';
import { MetricSet } from '../../src/metrics/metric-set.ts';

test('counts a value at a bound below it, what is above all of them too, and no negative time', () => {
  const histogram = new Histogram([1, 5]);
  for (const value of [0, 1, 1.01, 5, 6, -3]) histogram.observe(value);
  assert.deepEqual(histogram.buckets, { bounds: [1, 5], counts: [3, 2, 1], sum: 13.01 });
  const set = new MetricSet();
  set.histogram('x_seconds', 'Time.', [[{ end: 'a "b"\\\n' }, histogram.buckets]]);
  assert.equal(
    exposeText(set.metrics),
    [
      '# HELP x_seconds Time.',
      '# TYPE x_seconds histogram',
      'x_seconds_bucket{end="a \\"b\\"\\\\\\n",le="1"} 3',
      'x_seconds_bucket{end="a \\"b\\"\\\\\\n",le="5"} 5',
      'x_seconds_bucket{end="a \\"b\\"\\\\\\n",le="+Inf"} 6',
      'x_seconds_sum{end="a \\"b\\"\\\\\\n"} 13.01',
      'x_seconds_count{end="a \\"b\\"\\\\\\n"} 6',
      '',
    ].join('\n'),
  );
});
