/** The program of a build, or of the sources when no build is current, killed at a failpoint. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { CliFixture, finished } from '../cli/cli-fixture.ts';
import { makeAwkwardHome } from './backup-fixture.ts';
import { makeStates, type TwoStates } from './restore-fixture.ts';

export async function awkwardProgram(t: TestContext): Promise<{
  readonly program: CliFixture;
  readonly states: TwoStates;
}> {
  const program = new CliFixture();
  t.after(() => program.close());
  mkdirSync(program.home, { mode: 0o700 });
  makeAwkwardHome(program.home);
  return { program, states: await makeStates(program.home) };
}

/** Runs a command that is to die at `place`, such as `restore.out` or `restore.staging@3`. */
export async function killedAt(program: CliFixture, args: readonly string[], place: string): Promise<void> {
  const [name, pass = '1'] = place.split('@');
  const env = { AGENT_COLLAB_FAILPOINTS: `${name}=kill@${pass}` };
  const child = program.spawn(args, { env });
  let signal: NodeJS.Signals | null = null;
  child.once('exit', (_code, by) => {
    signal = by;
  });
  child.stdin.end();
  const { stderr } = await finished(child);
  assert.equal(signal, 'SIGKILL', `${place} was not passed: ${stderr}`);
}
