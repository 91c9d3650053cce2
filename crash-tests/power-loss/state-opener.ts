/** Opens crash states: most in processes that each open many, some with the real daemon. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CollabError } from '../../src/base/errors.ts';
import type { ControlClient } from '../../src/control/client.ts';
import { DaemonProcess, type Program } from '../daemon-process.ts';
import { wholeLog, wholeTrail } from '../observe.ts';
import type { NotOpened, Opened } from './judge.ts';
import { look } from './open-store.ts';
import { contentDigest } from './promises.ts';

const script = fileURLToPath(new URL('./open-states.ts', import.meta.url));
/** A store of this size opens in tenths of a second; one that takes so long hangs. */
const openWithinMs = 60_000;

/** One directory at a time. */
export class StateOpener {
  #child: ChildProcess | undefined;

  async open(home: string): Promise<Opened | NotOpened> {
    this.#child ??= fork(script, {
      execArgv: ['--import', 'tsx'],
      // Sets come through whole.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const answer = await answerOf(this.#child, home);
    if (typeof answer !== 'string') return answer;
    this.close();
    return { look: await look(home), failed: answer };
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

/** A sentence when there is no answer. */
function answerOf(child: ChildProcess, home: string): Promise<Opened | NotOpened | string> {
  return new Promise((resolve) => {
    const settle = (answer: Opened | NotOpened | string) => {
      clearTimeout(timer);
      child.off('message', settle).off('exit', ended);
      resolve(answer);
    };
    const ended = (code: number | null, signal: string | null) =>
      settle(`the process that opened it ended with ${signal ?? `exit code ${code}`}`);
    const timer = setTimeout(() => settle(`it did not open within ${openWithinMs} ms`), openWithinMs);
    child.on('message', settle).on('exit', ended);
    child.send(home);
  });
}

/** The path that the daemon is asked to lock and to share about, once everything was looked at. */
const path = 'after/the-power-came-back.ts';

/** @param cwd a repository: the daemon's projects are repositories. */
export async function openWithDaemon(
  home: string,
  program: Program,
  cwd: string,
): Promise<Opened | NotOpened> {
  const before = await look(home);
  const daemon = new DaemonProcess(home, program);
  try {
    await daemon.ready();
    const client = daemon.client();
    try {
      const opened = await read(client, cwd);
      const findings = daemon.stderr.split('\n').filter((line) => line !== '');
      const problems = [...opened.problems, ...(await daemon.stop())];
      return { ...opened, look: before, findings, problems };
    } finally {
      client.close();
    }
  } catch (error) {
    const code = error instanceof CollabError ? `${error.code}: ` : '';
    return { look: before, failed: `${code}${String(error)}\n${daemon.stderr}` };
  } finally {
    daemon.kill();
    await daemon.gone();
  }
}

async function read(client: ControlClient, cwd: string): Promise<Omit<Opened, 'look' | 'findings'>> {
  const { deltas: state } = (await client.call('status', {})).data;
  const deltas = (await wholeLog(client, {}))
    .map(({ id, source, seq, position, payload }) => {
      return { id, source, seq, position, digest: contentDigest(payload.path, payload.content) };
    })
    .sort((a, b) => a.position - b.position);
  const events = new Set((await wholeTrail(client)).map(({ cursor }) => cursor));
  const verify = (await client.call('verify', {})).data;
  const problems = verify.problems.map(({ store, where, what }) => `verify: ${store} ${where}: ${what}`);
  // And it goes on from there.
  const agent = 'agent-after';
  const grant = await client.call('lock.acquire', { agent, cwd, targets: [path], intention: 'going on' });
  await client.call('context.share', { agent, cwd, path, content: 'going on', durability: 'flushed' });
  const newest = (await client.call('log', { limit: 1 })).data.deltas[0]?.position;
  if (newest !== state.head + 1)
    problems.push(`the first new delta has position ${newest}, not ${state.head + 1}`);
  const { floor, head } = state;
  return { floor, head, fenceFloor: grant.data.lock.fence, deltas, events, problems };
}
