/**
 * What a pool loads first in each of its threads, and by `require`: so this is CommonJS. Node that can `require` ES modules (20.17 and
 * later) ends the whole process when a thread is terminated in the midst of that; an `import` that is cut off harms nobody.
 */
import type { GatedReadTask, LaneName, LaneReport, LaneTask, ReadAnswer } from '../src/offload/contract.ts';

module.exports = {
  lane: async (task: LaneTask<LaneName>): Promise<LaneReport> => (await import('./lane.ts')).run(task),
  read: async (task: GatedReadTask): Promise<ReadAnswer<unknown>> => (await import('./read.ts')).run(task),
};
