import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noTracing, readCarrier, traceIdOf } from '../../src/control/tracing.ts';

const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('a trace context is taken as the standard writes it, and nothing else', () => {
  assert.deepEqual(readCarrier({ traceparent: good, tracestate: 'a=1', other: 1 }), {
    traceparent: good,
    tracestate: 'a=1',
  });
  assert.deepEqual(readCarrier({ traceparent: good.replace('00-', '01-') }).traceparent?.slice(0, 2), '01');
  assert.deepEqual(readCarrier({ traceparent: good, tracestate: 'x'.repeat(2000) }), { traceparent: good });
  assert.deepEqual(readCarrier({ traceparent: good, tracestate: 'a=1\r\nx: y' }), { traceparent: good });
  const bad = [
    undefined,
    7,
    [good],
    '',
    good.toUpperCase(),
    good.replace('00-', 'ff-'),
    good.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    good.replace('00f067aa0ba902b7', '0'.repeat(16)),
    `${good}\r\nx: y`,
    `${good}${'-x'.repeat(5000)}`,
  ];
  for (const traceparent of bad)
    assert.deepEqual(readCarrier({ traceparent }), {}, String(traceparent).slice(0, 80));
  assert.deepEqual(readCarrier(undefined), {});
});

test('without an export a span passes on what came', async () => {
  const carrier = readCarrier({ traceparent: good });
  assert.deepEqual(await noTracing.span('x', carrier, {}, async (own) => own), carrier);
  assert.equal(traceIdOf(carrier), '4bf92f3577b34da6a3ce929d0e0e4736');
  assert.equal(traceIdOf({}), undefined);
});
