/**
 * The official suite, against `/mcp` of a daemon: every scenario that is about what we serve. The others want resources, prompts,
 * sampling or tools of the suite's own, and say nothing about a server that has none.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HookPlace } from '../agents/hook-fixture.ts';

const execute = promisify(execFile);
const suite = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

/** The suite imports `globSync` for a command that is not run here, and Node has it from version 22 on. */
const globSync = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  const fs = 'data:text/javascript,' + encodeURIComponent('export * from "node:fs"; export const globSync = () => [];');
  register('data:text/javascript,' + encodeURIComponent(\`export async function resolve(specifier, context, next) {
    const isSuite = context.parentURL?.includes('/conformance/');
    return specifier === 'fs' && isSuite ? { url: \${JSON.stringify(fs)}, shortCircuit: true } : next(specifier, context);
  }\`));
`)}`;

type Scenario = readonly [name: string, revision: string];

/** The heart of both revisions; the rest takes half a minute: `npm run conformance`. */
const always: readonly Scenario[] = [
  ['server-initialize', '2025-11-25'],
  ['server-stateless', '2026-07-28'],
];
const others: readonly Scenario[] = [
  ['ping', '2025-11-25'],
  ['tools-list', '2025-11-25'],
  ['dns-rebinding-protection', '2025-11-25'],
  ['tools-list', '2026-07-28'],
  ['dns-rebinding-protection', '2026-07-28'],
  ['http-header-validation', '2026-07-28'],
  ['caching', '2026-07-28'],
];
const scenarios = process.env.CONFORMANCE === 'all' ? [...always, ...others] : always;

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

test('passes the official conformance suite for what it serves', async (t) => {
  const place = await HookPlace.open(t);
  const url = await openDoor(t, place);
  await Promise.all(
    scenarios.map(async ([scenario, revision]) => {
      const checks = await runScenario(url, scenario, revision, join(place.root, `${scenario}-${revision}`));
      const passed = checks.filter(({ status }) => status === 'SUCCESS');
      const failed = checks.filter((check) => check.status === 'FAILURE' && !isAboutOthers(check));
      assert.deepEqual(failed, [], `${scenario} of ${revision}`);
      assert.ok(passed.length > 0, `${scenario} of ${revision} checked nothing`);
    }),
  );
});

/** Diagnostic tools that the suite's own sample servers have, and lists of prompts and resources, which we do not offer. */
function isAboutOthers({ id, errorMessage = '' }: Check): boolean {
  return errorMessage.startsWith('Not testable') || /^sep-2549-(prompts|resources)-/.test(id);
}

async function runScenario(
  url: string,
  scenario: string,
  revision: string,
  output: string,
): Promise<readonly Check[]> {
  const args = ['--import', globSync, suite, 'server', '--url', url, '--scenario', scenario];
  // It exits with 1 for checks that cannot be tested, too.
  await execute(process.execPath, [...args, '--spec-version', revision, '--output-dir', output], {
    timeout: 100_000,
  }).catch(() => {});
  const [result] = readdirSync(output);
  return JSON.parse(readFileSync(join(output, result ?? '', 'checks.json'), 'utf8')) as readonly Check[];
}

/** The suite knows no tokens: a door that shows ours, and passes on everything else as it came. */
async function openDoor(t: TestContext, place: HookPlace): Promise<string> {
  const { port, token } = place.running.daemon.record;
  const server: Server = createServer((incoming, outgoing) => {
    const own = String((server.address() as AddressInfo).port);
    const renamed = (value: string | undefined) => value?.replace(`:${own}`, `:${port}`);
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    const { host, origin } = incoming.headers;
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: incoming.url,
        method: incoming.method,
        headers: {
          ...headers,
          ...(host === undefined ? {} : { host: renamed(host) }),
          ...(origin === undefined ? {} : { origin: renamed(origin) }),
        },
      },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      },
    );
    sent.on('error', () => outgoing.destroy());
    incoming.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}
