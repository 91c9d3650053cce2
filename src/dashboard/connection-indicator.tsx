import { useEffect, useState } from 'preact/hooks';
import { durationText } from './duration-text.ts';
import type { ConnectionState } from './overview-connection.ts';
import { elapsedMs } from './page-clock.ts';
import { TimeOfDay } from './time-text.tsx';

export interface ConnectionIndicatorProps {
  readonly connection: ConnectionState;
  /** When the picture was held; null while it is live. */
  readonly pausedAt: string | null;
}

export function ConnectionIndicator({ connection, pausedAt }: ConnectionIndicatorProps) {
  const kind = connection.kind === 'live' && pausedAt !== null ? 'paused' : connection.kind;
  return (
    <p class={`indicator indicator-${kind}`} data-state={kind}>
      <span class="indicator-dot" aria-hidden="true" />
      {connection.kind === 'connecting' ? 'connecting' : null}
      {connection.kind === 'lost' ? <Lost sinceMs={connection.sinceMs} why={connection.why} /> : null}
      {connection.kind === 'over' ? 'session over' : null}
      {kind === 'live' ? 'live' : null}
      {kind === 'paused' && pausedAt !== null ? (
        <span>
          paused at <TimeOfDay at={pausedAt} />
        </span>
      ) : null}
    </p>
  );
}

function Lost({ sinceMs, why }: { readonly sinceMs: number; readonly why: string }) {
  const [nowMs, setNowMs] = useState(elapsedMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(elapsedMs()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span title={why}>reconnecting for {durationText(Math.max(0, nowMs - sinceMs))}</span>;
}

/** In place of the page's content, or above it once there is some. */
export function SessionOver() {
  return (
    <div class="banner banner-bad" role="alert">
      <strong>This session is over.</strong> What is shown does not change any more. For a new link run{' '}
      <code>agent-collab dashboard</code>
    </div>
  );
}
