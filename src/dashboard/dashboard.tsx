import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { OverviewView } from '../control/overview-views.ts';
import { AgentPanel, FilterByAgent } from './agent-panel.tsx';
import { Announcements } from './announcements.tsx';
import { Banners } from './banners.tsx';
import { SessionOver } from './connection-indicator.tsx';
import { FailureBoundary } from './failure-boundary.tsx';
import { filterOverview, isFiltering, noFilter, type OverviewFilter, projectsIn } from './filter-overview.ts';
import { HotSpotPanel } from './hot-spot-panel.tsx';
import { KeyHelp } from './key-help.tsx';
import { LeasePanel } from './lease-panel.tsx';
import { PageHeader, placeName, themes } from './page-header.tsx';
import { PeerPanel } from './peer-panel.tsx';
import { StorePanel } from './store-panel.tsx';
import { useStoredChoice } from './stored-choice.ts';
import { TimeSince } from './time-text.tsx';
import { TimelinePanel } from './timeline-panel.tsx';
import { Totals } from './totals.tsx';
import { UsagePanel } from './usage-panel.tsx';
import { type LiveOverview, useOverview } from './use-overview.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { WaitPanel } from './wait-panel.tsx';

export function Dashboard() {
  const overview = useOverview();
  const { view, connection, togglePause } = overview;
  const [filter, setFilter] = useState(noFilter);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [theme, setTheme] = useStoredChoice('theme', themes);
  const [keys, setKeys] = useStoredChoice('keys', ['on', 'off']);
  const filterField = useRef<HTMLInputElement>(null);
  const projects = useMemo(() => (view === undefined ? [] : projectsIn(view)), [view]);
  const filterByAgent = useCallback((text: string) => setFilter((now) => ({ ...now, text })), []);

  useShortcuts(keys === 'on', {
    '/': () => filterField.current?.focus(),
    p: togglePause,
    '?': () => setHelpOpen(true),
  });
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useTitle(overview);

  return (
    <FilterByAgent.Provider value={filterByAgent}>
      <a class="skip" href="#leases">
        Skip to the leases
      </a>
      <PageHeader
        overview={overview}
        projects={projects}
        filter={filter}
        filterField={filterField}
        theme={theme}
        onFilter={setFilter}
        onTheme={setTheme}
        onHelp={() => setHelpOpen(true)}
      />
      <main>
        {connection.kind === 'over' ? <SessionOver /> : null}
        {view === undefined ? (
          <Waiting isOver={connection.kind === 'over'} />
        ) : (
          <FailureBoundary>
            <Content view={view} filter={filter} />
          </FailureBoundary>
        )}
      </main>
      {view === undefined ? null : <Foot view={view} />}
      <Announcements view={view} connection={connection} />
      <KeyHelp
        isOpen={isHelpOpen}
        areKeysOn={keys === 'on'}
        onClose={() => setHelpOpen(false)}
        onSwitch={(areOn) => setKeys(areOn ? 'on' : 'off')}
      />
    </FilterByAgent.Provider>
  );
}

function Waiting({ isOver }: { readonly isOver: boolean }) {
  return isOver ? null : <p class="waiting-for-daemon">Waiting for the daemon…</p>;
}

function Content({ view, filter }: { readonly view: OverviewView; readonly filter: OverviewFilter }) {
  const openedVersion = useRef(view.status.version).current;
  const isFiltered = isFiltering(filter);
  const shown = useMemo(() => filterOverview(view, filter), [view, filter]);
  return (
    <>
      <Banners status={view.status} openedVersion={openedVersion} />
      <Totals view={view} />
      <div class="panels">
        <div class="panels-main">
          <LeasePanel view={shown} isFiltered={isFiltered} allWaiters={view.waiters} />
          <WaitPanel view={shown} isFiltered={isFiltered} />
          <TimelinePanel
            entries={shown.timeline}
            isFiltered={isFiltered}
            scope={`${filter.project}\n${filter.text}`}
          />
        </div>
        <div class="panels-side">
          <AgentPanel agents={shown.agents} isFiltered={isFiltered} />
          <HotSpotPanel hotSpots={shown.hotSpots} isFiltered={isFiltered} />
          <PeerPanel status={view.status} />
          <StorePanel status={view.status} />
          <UsagePanel usage={view.usage} />
        </div>
      </div>
    </>
  );
}

function Foot({ view: { status } }: { readonly view: OverviewView }) {
  return (
    <footer class="page-foot">
      <span>agent-collab {status.version}</span>
      <span>
        up for <TimeSince at={status.startedAt} />
      </span>
      <span>process {status.pid}</span>
      <span>{status.home}</span>
    </footer>
  );
}

/** What a glance at the tab tells. */
function useTitle({ view, connection }: LiveOverview): void {
  const { held = 0, waiting = 0 } = view?.status.locks ?? {};
  const place = view === undefined ? '' : `${placeName(view)} · `;
  const state =
    connection.kind === 'over'
      ? 'session over'
      : connection.kind === 'lost'
        ? 'no connection'
        : `${waiting > 0 ? `${waiting} waiting, ` : ''}${held} leased`;
  const title = view === undefined ? 'agent-collab' : `${state} · ${place}agent-collab`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}
