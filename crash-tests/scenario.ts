import type { Round } from './round.ts';

/** What is done to the daemon. Every number of a scenario comes from its seed; only the machine's scheduling does not. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** It has its turn in one pass through all scenarios of so many: for what takes long. @default 1 */
  readonly every?: number;
  /** What the machine must allow. @default nothing */
  readonly needs?: 'tmpfs' | 'ext4' | 'strace' | 'prlimit';
  run(round: Round): Promise<void>;
}
