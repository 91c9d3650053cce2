import { useRef, useState } from 'preact/hooks';
import type { TimelineEntryView } from '../control/overview-views.ts';
import { AgentName } from './agent-name.tsx';
import { ForeignText } from './foreign-text.tsx';
import { EmptyState, Panel, ScrollArea } from './panel.tsx';
import { pure } from './pure.ts';
import { PathText } from './target-text.tsx';
import { TimeOfDay } from './time-text.tsx';
import { kindOf, type TimelineFilter, timelineFilters } from './timeline-kinds.ts';

const shownTargets = 2;

export interface TimelinePanelProps {
  readonly entries: readonly TimelineEntryView[];
  readonly isFiltered: boolean;
  /** What the page is filtered by: with another one the list begins anew. */
  readonly scope: string;
}

export function TimelinePanel({ entries, isFiltered, scope }: TimelinePanelProps) {
  const [filter, setFilter] = useState<TimelineFilter>('all');
  const wanted = entries.filter(({ what }) => timelineFilters[filter].has(what));
  const { shown, fresh, release, watch } = useStandstill(wanted, `${filter} ${scope}`);
  const tools = (
    <>
      <button type="button" class="button button-fresh" aria-disabled={fresh === 0} onClick={release}>
        Show new{fresh === 0 ? '' : ` (${fresh})`}
      </button>
      <label class="field">
        <span class="unseen">Show in the timeline</span>
        <select value={filter} onChange={(event) => setFilter(event.currentTarget.value as TimelineFilter)}>
          {Object.entries(timelineFilters).map(([name, { label }]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </>
  );
  return (
    <Panel id="timeline" title="Timeline" tools={tools}>
      {shown.length > 0 ? (
        <div class="timeline-watch" {...watch}>
          <ScrollArea label="Timeline, the newest first" class="taller">
            <ol class="timeline">
              {shown.map((entry) => (
                <Entry key={entry.key} entry={entry} />
              ))}
            </ol>
          </ScrollArea>
        </div>
      ) : isFiltered || filter !== 'all' ? (
        <EmptyState title="Nothing of that kind has happened lately." />
      ) : (
        <EmptyState title="Nothing has happened yet.">
          <p>Grants, refusals and shared context show up here:</p>
          <code>agent-collab context share src/login.ts -m "what you learned"</code>
        </EmptyState>
      )}
    </Panel>
  );
}

const Entry = pure(({ entry }: { readonly entry: TimelineEntryView }) => {
  const { at, what, agent, targets, text } = entry;
  const { label, tone } = kindOf(what);
  return (
    <li class="entry">
      <TimeOfDay at={at} />
      <ForeignText class={`badge tone-${tone}`} text={label} />
      <span class="entry-what">
        {agent === undefined ? null : <AgentName agent={agent} />}
        {targets.slice(0, shownTargets).map((target) => (
          <PathText key={target} text={target} />
        ))}
        {targets.length > shownTargets ? (
          <span class="quiet">and {targets.length - shownTargets} more</span>
        ) : null}
        {text === '' ? null : <ForeignText class="entry-text" text={text} />}
      </span>
    </li>
  );
});

/**
 * The list, as it was when somebody began to read it: while the pointer or the focus is in it, or it is scrolled, what
 * comes is counted and not shown, so that nothing moves away under the eyes.
 */
function useStandstill(entries: readonly TimelineEntryView[], scope: string) {
  const [isRead, setRead] = useState(false);
  const reasons = useRef(new Set<'pointer' | 'focus' | 'scroll'>()).current;
  const list = useRef<HTMLDivElement>(null);
  const held = useRef({ entries, scope });
  const change = (reason: 'pointer' | 'focus' | 'scroll', holds: boolean) => {
    if (holds) reasons.add(reason);
    else reasons.delete(reason);
    setRead(reasons.size > 0);
  };
  if (!isRead || held.current.scope !== scope || held.current.entries.length === 0)
    held.current = { entries, scope };
  const known = new Set(held.current.entries.map(({ key }) => key));
  const [, redraw] = useState(0);
  return {
    shown: held.current.entries,
    fresh: entries.filter(({ key }) => !known.has(key)).length,
    /** Shows what came, although the list is being read. */
    release: () => {
      held.current = { entries, scope };
      list.current?.querySelector('.scroll-area')?.scrollTo({ top: 0 });
      redraw((count) => count + 1);
    },
    watch: {
      ref: list,
      onPointerEnter: () => change('pointer', true),
      onPointerLeave: () => change('pointer', false),
      onFocusIn: () => change('focus', true),
      onFocusOut: () => change('focus', false),
      onScrollCapture: (event: Event) => change('scroll', (event.target as Element).scrollTop > 0),
    },
  };
}
