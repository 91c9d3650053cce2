import { useRef } from 'preact/hooks';
import { keepSame } from './keep-same.ts';

/** What is made from a snapshot, with the parts that are as they were before being the same objects. */
export function useKept<T>(next: T): T {
  const kept = useRef<T | undefined>(undefined);
  kept.current = keepSame(kept.current, next);
  return kept.current;
}
