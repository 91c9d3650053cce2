/** Everything that is done to the daemon, as data. */
import { commandScenarios } from './command-scenarios.ts';
import { compactionScenarios } from './compaction-scenarios.ts';
import { damageScenarios } from './damage-scenarios.ts';
import { deletionScenarios } from './deletion-scenarios.ts';
import { faultScenarios } from './fault-scenarios.ts';
import { holderScenarios } from './holder-scenarios.ts';
import { killScenarios } from './kill-scenarios.ts';
import { laneScenarios } from './lane-scenarios.ts';
import { migrationScenarios } from './migration-scenarios.ts';
import { peerScenarios } from './peer-scenarios.ts';
import type { Scenario } from './scenario.ts';
import { startScenarios } from './start-scenarios.ts';

export const scenarios: readonly Scenario[] = [
  ...killScenarios,
  ...startScenarios,
  ...compactionScenarios,
  ...commandScenarios,
  ...migrationScenarios,
  ...damageScenarios,
  ...laneScenarios,
  ...holderScenarios,
  ...faultScenarios,
  ...deletionScenarios,
  ...peerScenarios,
];
