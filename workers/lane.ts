/**
 * Where the thread of a lane begins. What the lane works with is loaded only when there is work: to end a thread while it loads a
 * native addon ends the whole process, since Node-API cannot tell an addon that the thread is being terminated.
 */
import type { LaneName, LaneReport, LaneStarts, LaneTask } from '../src/offload/contract.ts';
import { type Lane, runLane } from './lane-loop.ts';
import { loadWork } from './load-work.ts';

const lanes: { readonly [Name in LaneName]: Lane<LaneStarts[Name]> } = {
  persist: { load: () => loadWork<typeof import('./persist-lane.ts')>('persist-lane') },
  index: { load: () => loadWork<typeof import('./index-lane.ts')>('index-lane'), dropsAtClose: true },
  audit: { load: () => loadWork<typeof import('./audit-lane.ts')>('audit-lane') },
  compact: { load: () => loadWork<typeof import('./compact-lane.ts')>('compact-lane'), dropsAtClose: true },
};

export function run<Name extends LaneName>({ lane, start }: LaneTask<Name>): Promise<LaneReport> {
  return runLane(lane, start, lanes[lane]);
}
