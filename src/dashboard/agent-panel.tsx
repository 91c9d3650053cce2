import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { AgentView, OverviewView } from '../control/overview-views.ts';
import { agentKey } from './agent-key.ts';
import { AgentName } from './agent-name.tsx';
import { ForeignText } from './foreign-text.tsx';
import { cutNote, EmptyState, ListCount, Panel, ScrollArea } from './panel.tsx';
import { type Column, SortableTable } from './sortable-table.tsx';
import { TimeAgo } from './time-text.tsx';
import { visibleText } from './visible-text.ts';

/** Shows only what concerns the agent of that name. */
export const FilterByAgent = createContext((_name: string): void => {});

const columns: readonly Column<AgentView>[] = [
  {
    title: 'Agent',
    kind: 'main',
    order: ({ name, agent }) => name ?? agent,
    cell: (agent) => <Agent agent={agent} />,
  },
  {
    title: 'Holds',
    kind: 'figure',
    order: ({ held }) => held,
    cell: ({ held }) => <span class={held === 0 ? 'zero' : ''}>{held}</span>,
  },
  {
    title: 'Waits',
    kind: 'figure',
    order: ({ waiting }) => waiting,
    cell: ({ waiting }) =>
      waiting === 0 ? <span class="zero">0</span> : <span class="badge badge-waiting">{waiting}</span>,
  },
  {
    title: 'Seen',
    kind: 'time',
    order: ({ lastSeen }) => -Date.parse(lastSeen ?? '1970-01-01'),
    cell: ({ lastSeen }) =>
      lastSeen === null ? <span class="quiet">elsewhere</span> : <TimeAgo at={lastSeen} />,
  },
];

function Agent({
  agent: { agent, name, node, nodeName, projects, intention },
}: {
  readonly agent: AgentView;
}) {
  const filterBy = useContext(FilterByAgent);
  return (
    <span class="stack">
      <button
        type="button"
        class="agent-button"
        title={`Show what concerns ${visibleText(name ?? agent)} only`}
        onClick={() => filterBy(name ?? agent)}
      >
        <AgentName agent={agent} name={name} node={node} nodeName={nodeName} />
      </button>
      {intention === undefined ? (
        projects.map((project) => <ForeignText key={project} class="quiet" text={project} />)
      ) : (
        <ForeignText class="intention" text={intention} />
      )}
    </span>
  );
}

export interface AgentPanelProps {
  readonly agents: OverviewView['agents'];
  readonly isFiltered: boolean;
}

export function AgentPanel({ agents: { shown, total }, isFiltered }: AgentPanelProps) {
  const count = { shown: shown.length, total, isFiltered };
  return (
    <Panel id="agents" title="Agents" count={<ListCount {...count} />} note={cutNote(count, 'agents')}>
      {shown.length > 0 ? (
        <ScrollArea label="List of agents" class="medium">
          <SortableTable caption="Agents" columns={columns} rows={shown} keyOf={agentKey} />
        </ScrollArea>
      ) : isFiltered ? (
        <EmptyState title="No agent matches the filter." />
      ) : (
        <EmptyState title="No agent has shown itself.">
          <p>Connect the agents that you have installed:</p>
          <code>agent-collab setup</code>
        </EmptyState>
      )}
    </Panel>
  );
}
