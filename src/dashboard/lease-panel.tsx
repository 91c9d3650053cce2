import type { OverviewView } from '../control/overview-views.ts';
import type { LockView } from '../control/results.ts';
import { AgentName } from './agent-name.tsx';
import { Countdown } from './countdown.tsx';
import { ForeignText } from './foreign-text.tsx';
import { cutNote, EmptyState, ListCount, Panel, ScrollArea } from './panel.tsx';
import { type Column, SortableTable } from './sortable-table.tsx';
import { TargetList } from './target-text.tsx';
import { useKept } from './use-kept.ts';
import { cutText } from './visible-text.ts';

interface Lease {
  readonly lock: LockView;
  /** The agents that wait for it. */
  readonly waiters: readonly string[];
}

const columns: readonly Column<Lease>[] = [
  {
    title: 'Lease',
    kind: 'main',
    order: ({ lock }) => lock.targets[0]?.text ?? '',
    cell: ({ lock }) => (
      <>
        <TargetList targets={lock.targets} />
        <ForeignText class="intention" text={lock.intention} />
      </>
    ),
  },
  {
    title: 'Holder',
    order: ({ lock }) => lock.holderName ?? lock.holder,
    cell: ({ lock: { holder, holderName, node, nodeName } }) => (
      <AgentName agent={holder} name={holderName} node={node} nodeName={nodeName} />
    ),
  },
  {
    title: 'Kind',
    order: ({ lock }) => `${lock.mode} ${lock.assurance}`,
    cell: ({ lock: { mode, assurance, id } }) => (
      <span class="stack">
        <span class="together">
          <span class={`badge badge-${mode}`}>{mode}</span>{' '}
          <span class={`badge badge-${assurance}`}>{assurance}</span>
        </span>
        <ForeignText class="id" text={id} />
      </span>
    ),
  },
  {
    title: 'Left',
    kind: 'time',
    order: ({ lock }) => Date.parse(lock.expiresAt),
    cell: ({ lock }) => <Countdown until={lock.expiresAt} />,
  },
  {
    title: 'Waited for by',
    order: ({ waiters }) => waiters.length,
    cell: ({ waiters }) => <Waiters names={waiters} />,
  },
];

const shownWaiters = 2;

function Waiters({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return <span class="nobody">nobody</span>;
  const more = names.length - shownWaiters;
  return (
    <span class="stack">
      <span>
        <span class="badge badge-waiting">{names.length} waiting</span>
      </span>
      <span class="waiter-names">
        {names
          .slice(0, shownWaiters)
          .map((name) => cutText(name, 30))
          .join(', ')}
        {more > 0 ? ` and ${more} more` : ''}
      </span>
    </span>
  );
}

export interface LeasePanelProps {
  readonly view: OverviewView;
  readonly isFiltered: boolean;
  /** Of everybody, whatever the filter leaves of them. */
  readonly allWaiters: OverviewView['waiters'];
}

export function LeasePanel({ view, isFiltered, allWaiters }: LeasePanelProps) {
  const { shown, total } = view.locks;
  const leases = useKept(withWaiters(shown, allWaiters.shown));
  const count = { shown: shown.length, total, isFiltered };
  return (
    <Panel id="leases" title="Leases" count={<ListCount {...count} />} note={cutNote(count, 'leases')}>
      {shown.length > 0 ? (
        <>
          <ScrollArea label="List of leases" class="tall">
            <SortableTable caption="Leases" columns={columns} rows={leases} keyOf={({ lock }) => lock.id} />
          </ScrollArea>
          <AssuranceNote />
        </>
      ) : isFiltered ? (
        <EmptyState title="No lease matches the filter." />
      ) : (
        <EmptyState title="Nothing is leased.">
          <p>An agent, or you, takes a file, a range of lines or a symbol:</p>
          <code>agent-collab lock acquire src/login.ts:1-40 -m "what you intend"</code>
          <p>
            Agents lease what they write by themselves once they are connected:{' '}
            <code>agent-collab setup</code>
          </p>
        </EmptyState>
      )}
    </Panel>
  );
}

function AssuranceNote() {
  return (
    <dl class="legend">
      <dt class="badge badge-cluster">cluster</dt>
      <dd>all nodes that agree on locks keep to it</dd>
      <dt class="badge badge-local">local</dt>
      <dd>granted without a majority: nodes out of reach may grant the same</dd>
    </dl>
  );
}

function withWaiters(locks: readonly LockView[], waits: OverviewView['waiters']['shown']): readonly Lease[] {
  const names = new Map<string, Set<string>>();
  for (const { agent, agentName, blockedBy } of waits) {
    for (const { lockId } of blockedBy) {
      if (lockId === undefined) continue;
      const known = names.get(lockId) ?? new Set();
      names.set(lockId, known.add(agentName ?? agent));
    }
  }
  return locks.map((lock) => ({ lock, waiters: [...(names.get(lock.id) ?? [])] }));
}
