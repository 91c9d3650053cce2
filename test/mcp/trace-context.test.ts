/** The trace that a model's call is part of goes on in the daemon, however the call comes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';
import { Collector, spansOf } from '../otlp/collector.ts';
import { connectProgram, connectTo, type Era, type McpClient } from './mcp-fixture.ts';

describe('trace context', () => {
  const cli = new CliFixture();
  let collector: Collector;
  before(async () => {
    collector = await Collector.open();
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    };
    assert.equal((await cli.json(['daemon', 'start'], { env })).exit, 0);
  });
  after(async () => {
    await cli.close();
    collector.close();
  });

  const parent = '00f067aa0ba902b7';
  const call = ({ client }: McpClient, trace: string, name: string) =>
    client.callTool({
      name,
      arguments: name === 'why' ? { target: 'src/login.ts' } : {},
      _meta: { traceparent: `00-${trace}-${parent}-01` },
    });
  const spanIn = (trace: string, name: string) =>
    collector.until((received) =>
      spansOf(received).find((span) => span.trace === trace && span.name === name),
    );

  const overHttp = (t: TestContext, era: Era) => {
    const { port, token } = JSON.parse(readFileSync(join(cli.home, 'daemon.json'), 'utf8')) as {
      readonly port: number;
      readonly token: string;
    };
    return connectTo(
      t,
      port,
      { authorization: `Bearer ${token}`, 'x-agent-collab-cwd': cli.repository },
      era,
    );
  };

  for (const [at, era] of (['auto', 'legacy'] as const).entries()) {
    it(`of a call over HTTP (${era}) has the call as a span, and the operation below it`, async (t) => {
      const trace = `4bf92f3577b34da6a3ce929d0e0e473${at}`;
      const client = await overHttp(t, era);
      await call(client, trace, 'why');
      const tool = await spanIn(trace, 'tools/call why');
      assert.deepEqual(
        [tool.parent, tool.attributes['mcp.method.name'], tool.attributes['gen_ai.tool.name']],
        [parent, 'tools/call', 'why'],
      );
      assert.equal((await spanIn(trace, 'why')).parent, tool.id);
    });

    it(`of a call over standard input (${era}) has the operation as a span`, async (t) => {
      const trace = `5bf92f3577b34da6a3ce929d0e0e473${at}`;
      const client = await connectProgram(
        t,
        cli.repository,
        { HOME: cli.home, AGENT_COLLAB_HOME: cli.home },
        era,
      );
      await call(client, trace, 'cluster_status');
      assert.equal((await spanIn(trace, 'status')).parent, parent);
    });
  }

  it('of another form is left out, and the call goes on', async (t) => {
    const { client } = await overHttp(t, 'auto');
    const answer = await client.callTool({
      name: 'list_locks',
      arguments: {},
      _meta: { traceparent: 'x\r\ny' },
    });
    assert.notEqual(answer.isError, true);
    const found = await collector.until((received) =>
      spansOf(received).find((span) => span.name === 'tools/call list_locks'),
    );
    assert.equal(found.parent, '');
  });
});
