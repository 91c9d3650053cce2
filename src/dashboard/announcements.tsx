import { useEffect, useRef, useState } from 'preact/hooks';
import type { OverviewView } from '../control/overview-views.ts';
import { countText } from './figure-text.ts';
import type { ConnectionState } from './overview-connection.ts';
import { isAlarming, kindOf } from './timeline-kinds.ts';
import { cutText } from './visible-text.ts';

export interface AnnouncementsProps {
  readonly view: OverviewView | undefined;
  readonly connection: ConnectionState;
}

/** Says to those who listen what would catch the eye of those who look, and nothing that merely ticks. */
export function Announcements({ view, connection }: AnnouncementsProps) {
  const news = useTroubleNews(view);
  const state = useConnectionNews(connection);
  return (
    <>
      <div class="unseen" role="status" data-news="trouble">
        {news}
      </div>
      <div class="unseen" role="status" data-news="connection">
        {state}
      </div>
    </>
  );
}

function useTroubleNews(view: OverviewView | undefined): string {
  const known = useRef<ReadonlySet<string> | undefined>(undefined);
  const wasReadOnly = useRef<boolean | undefined>(undefined);
  const [news, setNews] = useState('');
  useEffect(() => {
    if (view === undefined) return;
    const { current } = known;
    known.current = new Set(view.timeline.map(({ key }) => key));
    const isReadOnly = view.status.readOnly !== null;
    const becameReadOnly = wasReadOnly.current === false && isReadOnly;
    wasReadOnly.current = isReadOnly;
    // What was there when the page was opened is no news.
    if (current === undefined) return;
    const alarming = view.timeline.filter(({ key, what }) => !current.has(key) && isAlarming(what));
    if (becameReadOnly) setNews('The daemon is now read-only.');
    else if (alarming.length > 0) setNews(sentence(alarming));
  }, [view]);
  return news;
}

function sentence(entries: OverviewView['timeline']): string {
  const [newest] = entries;
  if (newest === undefined) return '';
  const { what, agent, targets } = newest;
  const who = agent === undefined ? '' : ` ${cutText(agent, 60)},`;
  const first = `${kindOf(what).label}:${who} ${cutText(targets.join(', '), 120)}`;
  return entries.length === 1
    ? first
    : `${countText(entries.length, 'event')} of trouble. The newest: ${first}`;
}

function useConnectionNews({ kind }: ConnectionState): string {
  const [news, setNews] = useState('');
  const before = useRef(kind);
  useEffect(() => {
    const was = before.current;
    before.current = kind;
    if (kind === 'lost' && was !== 'lost') setNews('The connection to the daemon is lost. Trying again.');
    if (kind === 'live' && was === 'lost') setNews('Connected again.');
  }, [kind]);
  return news;
}
