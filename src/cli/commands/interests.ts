import { systemClock } from '../../base/clock.ts';
import type { InterestView } from '../../control/interest-views.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import { oneLine, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';

const nodeEndChars = 8;

export const list: CommandRun<'interests'> = async (args, { daemon, cwd }) => {
  const { data, notices } = await daemon.call('interest.list', {
    agent: agentIdentity(undefined).id,
    ...(args.all ? {} : { cwd }),
    ...(args.agent === undefined ? {} : { holder: args.agent }),
  });
  return {
    data,
    notices,
    text: (screen) =>
      data.interests.length === 0
        ? 'no interests: agents hear of what they work on. Ask for more with: agent-collab interests add <paths>...\n'
        : interestTable(data.interests, screen, args.all),
  };
};

export const add: CommandRun<'interests add'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('interest.add', {
    agent,
    cwd,
    patterns: [...args.paths],
    ...(args.for === undefined ? {} : { forMs: args.for }),
  });
  return { data, notices, text: (screen) => interestTable(data.interests, screen) };
};

export const remove: CommandRun<'interests remove'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('interest.remove', {
    agent,
    cwd,
    ...(args.paths.length === 0 ? {} : { patterns: [...args.paths] }),
  });
  return { data, notices, text: async (screen) => removedText(agent, data.removed, data.interests, screen) };
};

async function removedText(
  agent: string,
  removed: readonly string[],
  left: readonly InterestView[],
  screen: Screen,
): Promise<string> {
  const what =
    removed.length === 0
      ? 'there was no such interest on this node'
      : `removed ${removed.map((it) => oneLine(it)).join(', ')}`;
  if (left.length === 0) return `${what}; ${oneLine(agent)} has no interests now\n`;
  return `${what}; ${oneLine(agent)} still has\n${await interestTable(left, screen)}`;
}

function interestTable(interests: readonly InterestView[], screen: Screen, ofAll = false): Promise<string> {
  const nowMs = systemClock.wallMs();
  return textTable<InterestView>(
    [
      { head: 'AGENT', cell: (it) => it.agent, wraps: true },
      ...(ofAll ? [{ head: 'PROJECT', cell: (it: InterestView) => it.project, wraps: true } as const] : []),
      { head: 'PATTERNS', cell: (it) => it.patterns.join(' '), wraps: true },
      { head: 'EXPIRES', cell: (it) => showTime(it.expiresAt, nowMs) },
      { head: 'NODE', cell: (it) => (it.isHere ? 'this one' : `…${it.node.slice(-nodeEndChars)}`) },
    ],
    interests,
    screen,
  );
}
