/** A process that opens one data directory after another, and that a damaged page may end. Started by state-opener.ts. */
import { openAsStartDoes } from './open-store.ts';

process.on('message', async (home: string) => {
  process.send?.(await openAsStartDoes(home));
});
