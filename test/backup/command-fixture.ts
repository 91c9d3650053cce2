/** The program on a data directory of its own, for tests of `backup` and `restore` as people meet them. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { controlAddress, readDaemonAddress } from '../../src/cli/daemon-address.ts';
import { ControlClient } from '../../src/control/client.ts';
import { CliFixture } from '../cli/cli-fixture.ts';

export function fixture(t: TestContext): CliFixture {
  const cli = new CliFixture();
  t.after(() => cli.close());
  return cli;
}

/** A data directory with one shared context, and no daemon. */
export async function used(t: TestContext): Promise<CliFixture> {
  const cli = fixture(t);
  const shared = await cli.json(['context', 'share', 'src/login.ts', '-m', 'the first', '--agent', 'ann']);
  assert.equal(shared.exit, 0, JSON.stringify(shared.error));
  await cli.json(['daemon', 'stop']);
  return cli;
}

/** Starts the daemon in the background. @returns a client of it. */
export async function started(
  cli: CliFixture,
  env: Readonly<Record<string, string>> = {},
): Promise<ControlClient> {
  const { error } = await cli.json(['daemon', 'start'], { env });
  assert.equal(error, undefined);
  const address = readDaemonAddress(cli.home);
  assert(address !== undefined);
  return new ControlClient(controlAddress(address));
}
