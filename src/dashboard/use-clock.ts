import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { PageClock } from './page-clock.ts';

export const ClockContext = createContext(new PageClock());

/**
 * What `select` makes of the daemon's time, each second. Only a change of it draws the component anew: a countdown in
 * hours costs nothing in between, and no tick draws more than the texts that it changes.
 */
export function useClock<T extends string | number | boolean>(select: (nowMs: number) => T): T {
  const clock = useContext(ClockContext);
  const value = select(clock.nowMs);
  const [, setDrawn] = useState(value);
  const latest = useRef(select);
  latest.current = select;
  useEffect(() => clock.subscribe(() => setDrawn(latest.current(clock.nowMs))), [clock]);
  return value;
}
