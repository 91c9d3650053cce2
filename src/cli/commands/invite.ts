import { systemClock } from '../../base/clock.ts';
import type { InviteView } from '../../control/cluster-views.ts';
import type { CommandRun } from '../command-context.ts';
import { showTime } from '../show-time.ts';
import { withSuggestion } from '../suggestion.ts';
import { textTable } from '../text-table.ts';

export const invite: CommandRun<'invite'> = async (args, { daemon }) => {
  const { data, notices } = await daemon.call(
    'cluster.invite',
    args.ttl === undefined ? {} : { ttlMs: args.ttl },
  );
  const { id, expiresAt } = data.invite;
  return {
    data,
    notices,
    // The token stands alone on its line, so that it can be copied or piped.
    text: (screen) =>
      `${data.token}\n${screen.paint('dim', `invite ${id}, good once until ${expiresAt}. On the other machine: agent-collab join`)}\n`,
  };
};

export const list: CommandRun<'invite list'> = async (_args, { daemon }) => {
  const { data, notices } = await daemon.call('cluster.invites', {});
  const nowMs = systemClock.wallMs();
  return {
    data,
    notices,
    text: async (screen) => {
      if (data.invites.length === 0) return 'this node has written no invites\n';
      return textTable<InviteView>(
        [
          { head: 'INVITE', cell: (it) => it.id },
          { head: 'STATE', cell: (it) => it.state },
          { head: 'EXPIRES', cell: (it) => showTime(it.expiresAt, nowMs) },
          { head: 'USED BY', cell: (it) => it.usedBy ?? '' },
        ],
        data.invites,
        screen,
      );
    },
  };
};

export const revoke: CommandRun<'invite revoke'> = async (args, { daemon }) => {
  const ids = async () => (await daemon.call('cluster.invites', {})).data.invites.map(({ id }) => id);
  const { data, notices } = await daemon
    .call('cluster.revokeInvite', { id: args.id })
    .catch(async (error: unknown) => Promise.reject(await withSuggestion(error, args.id, ids)));
  const { id, state } = data.invite;
  return {
    data,
    notices,
    text: () =>
      state === 'revoked'
        ? `the invite ${id} lets nobody in any more\n`
        : `the invite ${id} was ${state} already\n`,
  };
};
