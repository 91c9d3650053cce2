import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otlpSettings } from '../../src/otlp/otlp-settings.ts';

const endpoint = 'http://collector:4318';

test('nothing is exported unless an endpoint is named', () => {
  assert.equal(otlpSettings({}), undefined);
  assert.equal(otlpSettings({ OTEL_SERVICE_NAME: 'x', OTEL_METRIC_EXPORT_INTERVAL: '1' }), undefined);
  assert.equal(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'TRUE' }), undefined);
  const both = { OTEL_METRICS_EXPORTER: 'none', OTEL_TRACES_EXPORTER: 'none' };
  assert.equal(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...both }), undefined);
});

test('an endpoint for all signals, or for one of them, turns them on', () => {
  const signals = (env: Readonly<Record<string, string>>) => {
    const settings = otlpSettings(env);
    return [settings?.metrics, settings?.traces, settings?.warnings];
  };
  assert.deepEqual(signals({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), [true, true, []]);
  assert.deepEqual(signals({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }), [false, true, []]);
  assert.deepEqual(signals({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: 'none' }), [
    true,
    false,
    [],
  ]);
});

test('what cannot be had is spoken of', () => {
  const warned = (env: Readonly<Record<string, string>>) => {
    const settings = otlpSettings({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint, ...env });
    return [settings?.metrics, settings?.warnings.join('; ')];
  };
  assert.deepEqual(warned({ OTEL_METRICS_EXPORTER: 'console' }), [
    false,
    'OTEL_METRICS_EXPORTER is "console", of which this program knows otlp and none',
  ]);
  assert.match(String(warned({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })), /^true,.*http\/protobuf/);
  assert.match(
    String(warned({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'collector:4318' })),
    /^false,.*http:\/\//,
  );
  assert.match(String(warned({ OTEL_METRIC_EXPORT_INTERVAL: '5' })), /^true,.*milliseconds from 100/);
  assert.match(String(warned({ OTEL_RESOURCE_ATTRIBUTES: 'a=1,oops,b=%' })), /^true,(?:.*left out){2}/);
});

test('names, attributes and the interval are taken from the environment', () => {
  const settings = otlpSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=ours, deployment.environment=a%20b',
    OTEL_METRIC_EXPORT_INTERVAL: '250',
  });
  assert.deepEqual(
    [settings?.serviceName, settings?.attributes['deployment.environment'], settings?.intervalMs],
    ['ours', 'a b', 250],
  );
  const named = otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: 'mine' });
  assert.deepEqual([named?.serviceName, named?.intervalMs], ['mine', 60_000]);
});
