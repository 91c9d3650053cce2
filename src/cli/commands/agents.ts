import { systemClock } from '../../base/clock.ts';
import type { AgentView } from '../../control/overview-views.ts';
import { onNode } from '../../lock/lock.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import type { Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';

export const agents: CommandRun<'agents'> = async (_args, { daemon }) => {
  const { data, notices } = await daemon.call('agent.list', { agent: agentIdentity(undefined).id });
  return { data, notices, text: (screen) => agentTable(data.agents, screen) };
};

/** Whoever asks is an agent too, so there is always one. */
function agentTable(agents: readonly AgentView[], screen: Screen): Promise<string> {
  const nowMs = systemClock.wallMs();
  return textTable<AgentView>(
    [
      { head: 'AGENT', cell: nameOf, wraps: true },
      { head: 'HOLDS', cell: ({ held }) => String(held) },
      { head: 'WAITS', cell: ({ waiting }) => String(waiting) },
      { head: 'FOR', cell: ({ intention = '' }) => intention, wraps: true },
      { head: 'SEEN', cell: ({ lastSeen }) => (lastSeen === null ? '' : showTime(lastSeen, nowMs)) },
    ],
    agents,
    screen,
  );
}

function nameOf(view: AgentView): string {
  const { agent, name } = view;
  return (name === undefined || name === agent ? agent : `${name} (${agent})`) + onNode(view);
}
