/** What a migration found and did: the part of migration.json that is for people. */
import type { Kept, LegacySurvey } from './legacy-survey.ts';
import type { Skipped } from './legacy-vectors.ts';
import type { StagedLog } from './stage-log.ts';

export interface MigrationReport {
  readonly contexts: number;
  readonly vectorFiles: number;
  /** Sizes of the embeddings that were dropped. */
  readonly dimensions: readonly number[];
  readonly unwrapped: number;
  readonly duplicates: number;
  /** Contexts that were over the limit of a delta. */
  readonly cut: number;
  /** At most `maxListed`; `skippedCount` has them all. */
  readonly skipped: readonly Skipped[];
  readonly skippedCount: number;
  readonly metrics: {
    readonly files: number;
    readonly records: number;
    readonly badLines: number;
    readonly tokens: number;
  };
  readonly kept: readonly Kept[];
  readonly warnings: readonly string[];
  /** Peer id, the same as in the older program unless `newIdentity`. */
  readonly node: string;
  readonly newIdentity: boolean;
  /** Position of the newest imported delta, and how many bytes the log has now. */
  readonly head: number;
  readonly logBytes: number;
}

/** Of a list in the state; a directory of ten thousand faulty documents must not make a file that nobody can read. */
const maxListed = 100;

export function reportOf(
  survey: LegacySurvey,
  staged: StagedLog,
  identity: Pick<MigrationReport, 'node' | 'newIdentity'>,
): MigrationReport {
  const { vectors, metrics, config } = survey;
  const skipped = [...vectors.skipped, ...metrics.skipped];
  const { files, records, badLines, tokens } = metrics;
  const moved = config.ignoredDataDirectory;
  return {
    contexts: staged.imported,
    vectorFiles: vectors.files,
    dimensions: vectors.dimensions,
    unwrapped: vectors.wrapped,
    duplicates: staged.duplicates,
    cut: staged.cut,
    skipped: skipped.slice(0, maxListed),
    skippedCount: skipped.length,
    metrics: { files, records, badLines, tokens },
    kept: survey.kept.slice(0, maxListed),
    warnings: [
      ...config.warnings,
      ...(moved === undefined ? [] : [`data_dir in the settings is ignored: it names ${moved}.`]),
    ],
    ...identity,
    head: staged.head,
    logBytes: staged.bytes,
  };
}
