import type { PeerView } from '../control/cluster-views.ts';
import type { StatusView } from '../control/results.ts';
import { shortNode } from './agent-name.tsx';
import { countText, figureText } from './figure-text.ts';
import { ForeignText } from './foreign-text.tsx';
import { EmptyState, Panel, ScrollArea } from './panel.tsx';
import { type Column, SortableTable } from './sortable-table.tsx';
import { TimeAgo } from './time-text.tsx';
import { cutText, visibleText } from './visible-text.ts';

const stateTones: Readonly<Record<PeerView['state'], string>> = {
  self: 'plain',
  connected: 'good',
  away: 'warn',
  'cut off': 'bad',
  left: 'plain',
  evicted: 'bad',
};

const columns: readonly Column<PeerView>[] = [
  {
    title: 'Member',
    kind: 'main',
    order: ({ name }) => name,
    cell: (peer) => <Member peer={peer} />,
  },
  {
    title: 'State',
    order: ({ state }) => state,
    cell: ({ state, relayed, offences }) => (
      <span class="stack">
        <span>
          <span class={`badge tone-${stateTones[state]}`}>{state === 'self' ? 'this node' : state}</span>
        </span>
        {relayed ? <span class="quiet">relayed</span> : null}
        {offences === null || offences.count === 0 ? null : (
          <span class="bad" title={visibleText(offences.last)}>
            {countText(offences.count, 'offence')}
          </span>
        )}
      </span>
    ),
  },
  {
    title: 'Lag',
    kind: 'figure',
    order: ({ behind, ahead }) => (behind ?? 0) + (ahead ?? 0),
    cell: (peer) => <Lag peer={peer} />,
  },
  {
    title: 'Trip',
    kind: 'figure',
    order: ({ roundTripMs }) => roundTripMs ?? Number.POSITIVE_INFINITY,
    cell: ({ roundTripMs }) => (roundTripMs === null ? <span class="zero">–</span> : tripText(roundTripMs)),
  },
];

function Member({ peer: { name, node, version, state, lastSeen } }: { readonly peer: PeerView }) {
  const details = [shortNode(node), version].filter((text) => text !== null);
  return (
    <span class="stack">
      <ForeignText class="strong" text={cutText(name, 60)} />
      <span class="quiet">
        <ForeignText text={details.join(' · ')} />
        {state === 'self' || state === 'connected' || lastSeen === null ? null : (
          <>
            {' · seen '}
            <TimeAgo at={lastSeen} />
          </>
        )}
      </span>
    </span>
  );
}

function Lag({ peer: { state, behind, ahead } }: { readonly peer: PeerView }) {
  if (state === 'self') return <span class="zero">–</span>;
  if (behind === null || ahead === null) return <span class="quiet">not told</span>;
  if (behind === 0 && ahead === 0) return <span class="good">even</span>;
  return (
    <span class="stack">
      {behind === 0 ? null : <span class="warn">we lack {figureText(behind)}</span>}
      {ahead === 0 ? null : <span class="warn">it lacks {figureText(ahead)}</span>}
    </span>
  );
}

function tripText(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function PeerPanel({ status }: { readonly status: StatusView }) {
  const { cluster, peers } = status;
  return (
    <Panel
      id="peers"
      title="Peers"
      count={cluster === null ? undefined : `${cluster.connected} of ${cluster.members - 1} connected`}
    >
      {cluster === null ? (
        <EmptyState title="This node works alone.">
          <p>To agree on locks with other machines, make a cluster here and join it there:</p>
          <code>agent-collab init team</code>
          <code>agent-collab invite</code>
        </EmptyState>
      ) : (
        <>
          <Agreement status={status} />
          <ScrollArea label="List of members" class="short">
            <SortableTable caption="Members" columns={columns} rows={peers} keyOf={({ node }) => node} />
          </ScrollArea>
        </>
      )}
    </Panel>
  );
}

function Agreement({ status: { locks, cluster } }: { readonly status: StatusView }) {
  const { agreement } = locks;
  if (agreement === null || cluster === null) return <p class="fact">This node decides on locks alone.</p>;
  const { reachable, members, majority } = agreement;
  return (
    <p class="fact">
      <span class={`badge tone-${majority ? 'good' : 'bad'}`}>{majority ? 'majority' : 'no majority'}</span>{' '}
      {reachable} of {members} members agree on locks
      {majority ? '.' : ': new leases are local, or refused (locks.partition).'}
    </p>
  );
}
