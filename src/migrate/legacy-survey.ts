/** What of the older program a data directory holds. Looks only. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../base/counted.ts';
import { temporaryFilePid } from '../home/atomic-file.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { type LegacyConfig, readLegacyConfig } from './legacy-config.ts';
import { listMetricFiles, type MetricsSurvey, surveyMetrics } from './legacy-metrics.ts';
import { listVectorFiles, type SurveyProgress, surveyVectors, type VectorSurvey } from './legacy-vectors.ts';
import { migrationFileName, stagingName } from './migration-paths.ts';

/** Something that stays as it is and is not imported. */
export interface Kept {
  readonly path: string;
  readonly why: string;
}

/** What shows without reading vectors and metrics. */
export interface LegacyLook {
  readonly config: LegacyConfig;
  readonly vectorFiles: number;
  readonly metricFiles: number;
  readonly hasKey: boolean;
  readonly kept: readonly Kept[];
  /** False: nothing here was made by the older program, or nothing that needs moving. */
  readonly isLegacy: boolean;
}

export interface LegacySurvey extends LegacyLook {
  readonly vectors: VectorSurvey;
  readonly metrics: MetricsSurvey;
}

/** What this program makes at the top of a data directory, or reads there. */
const ownNames: ReadonlySet<string> = new Set([
  'config.json',
  'config.yaml',
  'config.yml',
  'key.json',
  'cluster.json',
  'agreement.json',
  'daemon.json',
  'daemon.lock',
  'lmdb',
  'metrics',
  'vectors',
  'backups',
  'restore.json',
  '.restoring',
  'logs',
  migrationFileName,
  stagingName,
]);
const knownLegacy: readonly (readonly [RegExp, string])[] = [
  [/^wireguard\.json$/, 'settings of the older program; nothing here uses them'],
  [/^hook-locks\.json$/, 'locks of the older program; they ended with it'],
  [/^\.migration_(started|completed|failed|rollback)$/, 'a marker of the older program'],
  [/^backup_\d{8}_\d{6}$/, 'a backup that the older program made'],
  [/^daemon\.(sock|pid)$/, 'left by a daemon that is gone; the next one removes what it needs to'],
];

export async function surveyLegacy(
  paths: HomePaths,
  onProgress: (progress: SurveyProgress) => void = () => {},
): Promise<LegacySurvey> {
  const look = await lookForLegacy(paths);
  const vectors = await surveyVectors(paths.vectors, onProgress);
  const metrics = await surveyMetrics(paths.metrics);
  return { ...look, vectors, metrics };
}

/** @throws when the directory cannot be read. */
export async function lookForLegacy(paths: HomePaths): Promise<LegacyLook> {
  const names = (await readdir(paths.root)).sort();
  const config = await readLegacyConfig(paths);
  const vectorFiles = (await listVectorFiles(paths.vectors)).length;
  const metricFiles = (await listMetricFiles(paths.metrics)).length;
  const kept: Kept[] = [];
  let marks = 0;
  for (const name of names) {
    const known = knownLegacy.find(([pattern]) => pattern.test(name));
    // A socket or a pid file may as well be of our own daemon that was killed.
    if (name === 'badger' || (known !== undefined && !name.startsWith('daemon.'))) marks += 1;
    if (name === 'badger') {
      const { files, bytes } = await sizeBelow(join(paths.root, name));
      if (files > 0)
        kept.push({
          path: name,
          why: `${counted(files, 'file')} of ${counted(bytes, 'byte')}, not imported`,
        });
    } else if (known !== undefined) {
      kept.push({ path: name, why: known[1] });
    } else if (!ownNames.has(name) && temporaryFilePid(name) === undefined) {
      kept.push({ path: name, why: 'not known to this program' });
    }
  }
  // Our own daemon makes metrics as well: they tell something only where it has never run.
  const hasOldMetrics = metricFiles > 0 && !names.includes('lmdb');
  return {
    config,
    vectorFiles,
    metricFiles,
    kept,
    hasKey: names.includes('key.json'),
    isLegacy: config.isLegacy || vectorFiles > 0 || hasOldMetrics || marks > 0,
  };
}

/** Of the files below; 0 of what cannot be read. */
async function sizeBelow(directory: string): Promise<{ readonly files: number; readonly bytes: number }> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
