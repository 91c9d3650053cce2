import type { ComponentChildren, Ref } from 'preact';
import type { OverviewView } from '../control/overview-views.ts';
import { shortNode } from './agent-name.tsx';
import { ConnectionIndicator } from './connection-indicator.tsx';
import type { OverviewFilter } from './filter-overview.ts';
import { ForeignText } from './foreign-text.tsx';
import type { LiveOverview } from './use-overview.ts';
import { cutText } from './visible-text.ts';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

export interface PageHeaderProps {
  readonly overview: LiveOverview;
  readonly projects: readonly string[];
  readonly filter: OverviewFilter;
  readonly filterField: Ref<HTMLInputElement>;
  readonly theme: Theme;
  onFilter(filter: OverviewFilter): void;
  onTheme(theme: Theme): void;
  onHelp(): void;
}

export function PageHeader(props: PageHeaderProps) {
  const { overview, theme, onTheme, onHelp } = props;
  const { view, connection, isPaused, togglePause } = overview;
  return (
    <header class="page-head">
      <Brand view={view} />
      <ConnectionIndicator connection={connection} pausedAt={isPaused ? (view?.at ?? null) : null} />
      <FilterFields {...props} />
      <div class="page-tools">
        <button type="button" class="button" aria-pressed={isPaused} onClick={togglePause}>
          Pause
        </button>
        <label class="field">
          <span class="unseen">Theme</span>
          <select value={theme} onChange={(event) => onTheme(event.currentTarget.value as Theme)}>
            {themes.map((one) => (
              <option key={one} value={one}>
                {one === 'auto' ? 'auto theme' : one}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="button" aria-haspopup="dialog" onClick={onHelp}>
          Keys
        </button>
      </div>
    </header>
  );
}

function Brand({ view }: { readonly view: OverviewView | undefined }): ComponentChildren {
  return (
    <div class="brand">
      <img src="/dashboard/app/icon.svg" alt="" width="26" height="26" />
      <h1>
        <span class="brand-product">agent-collab</span>
        {view === undefined ? null : <ForeignText class="brand-place" text={placeName(view)} />}
      </h1>
    </div>
  );
}

/** Where this is: the cluster, and this node in it. */
export function placeName({ status: { cluster, peers, node } }: OverviewView): string {
  const own = peers.find(({ state }) => state === 'self')?.name ?? `node ${shortNode(node)}`;
  return cluster === null ? own : `${cluster.name} / ${own}`;
}

const anyProject = '';
const maxProjectChars = 48;

function FilterFields({ filter, projects, filterField, onFilter }: PageHeaderProps) {
  // A project that is gone from the page stays chosen, and can be seen to be.
  const listed =
    filter.project === anyProject || projects.includes(filter.project)
      ? projects
      : [filter.project, ...projects];
  return (
    <search class="filters">
      <label class="field">
        <span class="unseen">Project</span>
        <select
          value={filter.project}
          onChange={(event) => onFilter({ ...filter, project: event.currentTarget.value })}
        >
          <option value={anyProject}>all projects</option>
          {listed.map((project) => (
            <option key={project} value={project}>
              {cutText(project, maxProjectChars)}
            </option>
          ))}
        </select>
      </label>
      <label class="field field-text">
        <span class="unseen">Filter by agent or path</span>
        <input
          ref={filterField}
          type="search"
          placeholder="Agent or path  ( / )"
          value={filter.text}
          maxLength={200}
          spellcheck={false}
          onInput={(event) => onFilter({ ...filter, text: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'Escape') onFilter({ ...filter, text: '' });
          }}
        />
      </label>
    </search>
  );
}
