import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { OverviewView } from '../control/overview-views.ts';
import { keepSame } from './keep-same.ts';
import { type ConnectionState, OverviewConnection } from './overview-connection.ts';
import { ClockContext } from './use-clock.ts';

export interface LiveOverview {
  /** What is shown: the newest snapshot, or the one at which it was paused. */
  readonly view: OverviewView | undefined;
  readonly connection: ConnectionState;
  readonly isPaused: boolean;
  togglePause(): void;
}

export function useOverview(): LiveOverview {
  const clock = useContext(ClockContext);
  const newest = useRef<OverviewView | undefined>(undefined);
  const paused = useRef(false);
  const [view, setView] = useState<OverviewView | undefined>(undefined);
  const [connection, setConnection] = useState<ConnectionState>({ kind: 'connecting' });
  const [isPaused, setPaused] = useState(false);

  useEffect(() => {
    const following = new OverviewConnection({
      onState: setConnection,
      onView: (next) => {
        newest.current = keepSame(newest.current, next);
        clock.set(next.at);
        if (!paused.current) setView(newest.current);
      },
    });
    void following.run();
    return () => following.close();
  }, [clock]);

  const togglePause = useCallback(() => {
    paused.current = !paused.current;
    setPaused(paused.current);
    if (paused.current) clock.hold();
    else {
      clock.resume();
      setView(newest.current);
    }
  }, [clock]);

  return { view, connection, isPaused, togglePause };
}
