/** The commands on one lock that exists. */
import { systemClock } from '../../base/clock.ts';
import { CollabError } from '../../base/errors.ts';
import { type AgentIdentity, agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import type { DaemonLink } from '../daemon-link.ts';
import { lockText, targetTexts } from '../lock-text.ts';
import { oneLine } from '../screen.ts';
import { withSuggestion } from '../suggestion.ts';

export const release: CommandRun<'lock release'> = async (args, { daemon }) => {
  const identity = agentIdentity(args.agent);
  const { data, notices } = await daemon
    .call('lock.release', { id: args.id, agent: identity.id, ...fenceOf(args) })
    .catch(async (error: unknown) => Promise.reject(await explained(error, args.id, identity, daemon)));
  return {
    data,
    notices,
    text: () => `released ${data.released.id}: ${oneLine(targetTexts(data.released))}\n`,
  };
};

export const renew: CommandRun<'lock renew'> = async (args, { daemon }) => {
  const identity = agentIdentity(args.agent);
  const ttl = args.ttl === undefined ? {} : { ttlMs: args.ttl };
  const { data, notices } = await daemon
    .call('lock.renew', { id: args.id, agent: identity.id, ...fenceOf(args), ...ttl })
    .catch(async (error: unknown) => Promise.reject(await explained(error, args.id, identity, daemon)));
  return {
    data,
    notices,
    text: (screen) => `renewed\n${lockText(data.lock, screen, systemClock.wallMs())}`,
  };
};

/** A lock that is no longer valid is an answer of the daemon; for a shell it is a failure with the exit code of a conflict. */
export const check: CommandRun<'lock check'> = async (args, { daemon }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon
    .call('lock.check', { id: args.id, agent, ...fenceOf(args) })
    .catch(async (error: unknown) =>
      Promise.reject(await withSuggestion(error, args.id, () => lockIds(daemon))),
    );
  if (!data.valid) {
    const { valid: _, message, ...details } = data;
    throw new CollabError('LOCK_NOT_HELD', message, {
      next: 'Do not write under it; claim again with agent-collab lock acquire.',
      details,
    });
  }
  return {
    data,
    notices,
    text: (screen) =>
      `${screen.paint('green', 'valid')}\n${lockText(data.lock, screen, systemClock.wallMs())}`,
  };
};

export const force: CommandRun<'lock force'> = async (args, { daemon }) => {
  const { id: by } = agentIdentity(args.agent);
  const { data, notices } = await daemon
    .call('lock.force', { id: args.id, by, reason: args.reason })
    .catch(async (error: unknown) =>
      Promise.reject(await withSuggestion(error, args.id, () => lockIds(daemon))),
    );
  const { released } = data;
  return {
    data,
    notices,
    text: () =>
      `ended ${released.id} of ${oneLine(released.holder)}: ${oneLine(targetTexts(released))}\n` +
      'Its holder is told with its next call; the audit log has the reason.\n',
  };
};

function fenceOf(args: { readonly fence: number | undefined }): { fence?: number } {
  return args.fence === undefined ? {} : { fence: args.fence };
}

function explained(
  error: unknown,
  id: string,
  identity: AgentIdentity,
  daemon: DaemonLink,
): Promise<unknown> {
  return withSuggestion(withIdentity(error, identity), id, () => lockIds(daemon));
}

async function lockIds(daemon: DaemonLink): Promise<readonly string[]> {
  return (await daemon.call('lock.list', {})).data.locks.map(({ id }) => id);
}

/** The usual reason for LOCK_NOT_HOLDER is that two commands of one agent ran under two identities. */
function withIdentity(error: unknown, identity: AgentIdentity): unknown {
  if (!(error instanceof CollabError) || error.code !== 'LOCK_NOT_HOLDER') return error;
  return new CollabError(error.code, error.message, {
    next: `You act as ${identity.id}. If the lock is yours, say so with --agent or AGENT_COLLAB_AGENT; lock force ends it for others.`,
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}
