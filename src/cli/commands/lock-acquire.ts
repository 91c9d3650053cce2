import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { CollabError } from '../../base/errors.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import { lockText } from '../lock-text.ts';
import { withProgress } from '../progress.ts';

/** How long the answer may take past the end of the wait: the daemon answers every claim by itself. */
const graceMs = 10_000;

export const acquire: CommandRun<'lock acquire'> = async (args, context) => {
  const { id: agent } = agentIdentity(args.agent);
  // Hanging up takes the claim out of the waiting line.
  const signal = args.wait === undefined ? undefined : context.interruption();
  const answer = context.daemon.call(
    'lock.acquire',
    {
      agent,
      cwd: context.cwd,
      targets: [...args.targets],
      intention: args.message,
      mode: args.shared ? 'shared' : 'exclusive',
      ...(args.ttl === undefined ? {} : { ttlMs: args.ttl }),
      ...(args.wait === undefined ? {} : { waitMs: args.wait }),
      ...(args.priority === undefined ? {} : { priority: args.priority }),
    },
    { timeoutMs: (args.wait ?? 0) + graceMs, ...(signal === undefined ? {} : { signal }) },
  );
  const label = `waiting up to ${formatDuration(args.wait ?? 0)} for ${args.targets.join(', ')}`;
  const work = args.wait === undefined ? answer : withProgress(context.stderr, label, answer);
  const { data, notices } = await work.catch((error: unknown) => {
    if (!signal?.aborted) throw error;
    throw new CollabError('LOCK_DENIED', 'interrupted while waiting; the claim is taken back', {
      cause: error,
    });
  });
  return {
    data,
    notices,
    text: (screen) => {
      const { lock } = data;
      const head = screen.paint('green', 'acquired');
      const release = `Give it back with: agent-collab lock release ${lock.id}\n`;
      return `${head}\n${lockText(lock, screen, systemClock.wallMs())}${release}`;
    },
  };
};
