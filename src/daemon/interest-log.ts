import type { InterestLog } from '../agents/ports.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { Position } from '../base/ids.ts';
import type { DeltaService } from './delta-service.ts';

const endOfTime = Number.MAX_SAFE_INTEGER as HlcTime;

/** The log as interests are kept in it. */
export function interestLog(deltas: DeltaService): InterestLog {
  const { store } = deltas;
  return {
    append: async (draft) => {
      await deltas.append(draft, 'flushed');
    },
    head: async () => (await store.stats()).head,
    between: async (after, upTo) => {
      const found = await store.getLatest({ limit: upTo - after }, (upTo + 1) as Position);
      // Where positions are missing the limit reaches further back.
      return found.filter(({ position }) => position > after);
    },
    // By the index of times, which knows the types: the rest of the log is not read.
    customSince: (from, limit) => store.getRange(from, endOfTime, { type: 'custom', limit }),
  };
}
