/** Each planting in turn, on one recording: the campaign has to find every one of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Planting, plantings } from './plantings.ts';
import { failPower, type PowerLossOptions, recorded } from './power-loss.ts';

/** @returns the number of plantings that were not found. */
export async function findPlantedLosses(
  options: PowerLossOptions,
  chosen: readonly Planting[] = plantings,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-planted-'));
  let missed = 0;
  try {
    const whole = await recorded(options, join(directory, 'recording'));
    for (const planting of chosen) {
      const told: string[] = [];
      const say = (line: string) => told.push(line);
      const failed = await failPower({ ...options, planting, untilFailure: true, say }, whole);
      if (failed === 0) missed += 1;
      options.say(`${failed > 0 ? 'found ' : 'MISSED'} ${planting.name}`);
      if (failed > 0) options.say(`  ${told.find((line) => line.startsWith('FAILED')) ?? ''}`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return missed;
}
