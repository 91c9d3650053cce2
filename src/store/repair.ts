/**
 * Puts damaged stores right: whatever can be read is written anew beside the damaged store, verified, and takes its place in one
 * step. The damaged file is set aside, never removed. Killed at any instant, each store is the damaged or the repaired one,
 * whole, and the next run does what is left.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { NodeId } from '../base/ids.ts';
import { syncPath } from '../home/sync-directory.ts';
import { auditSchema, openAuditTables } from './audit-tables.ts';
import { dataFileName, lockFileName } from './data-file.ts';
import { DeltaIndexWriter } from './delta-index.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import { indexSchema, isAppliedMark } from './index-tables.ts';
import { deltaSchema, LogView } from './log-view.ts';
import { isCount } from './meta-table.ts';
import { highestFence, repairAudit } from './repair-audit.ts';
import { type LogWitness, type RepairedLog, repairLog } from './repair-log.ts';
import { Salvage, salvageMetaValues } from './salvage.ts';
import { asideName, keepFile } from './set-aside.ts';
import { type AllFacts, type CheckPlaces, readAllFacts } from './start-check.ts';
import { digestOf, metaValue, type StoreFacts } from './store-facts.ts';
import { type VerifyTargets, verifyOpen, verifyStores } from './verify.ts';
import type {
  LostRecords,
  RepairSummary,
  VerifiedStore,
  VerifyProblem,
  VerifyProgress,
} from './verify-report.ts';

export interface RepairOptions {
  /** The node that owns the log, for when the log itself cannot tell any more. */
  readonly node?: NodeId;
  /** What a daemon that served these stores knows of them. */
  readonly witness?: LogWitness;
  /** Where the damaged files are put, each in a directory of its own. */
  readonly asideDirectory: string;
  readonly mapSizeBytes?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

const schemas: Readonly<Record<VerifiedStore, number>> = {
  delta: deltaSchema,
  index: indexSchema,
  audit: auditSchema,
};

/**
 * Works on stores that nobody has open. Sound ones are left alone.
 * @throws SCHEMA_NEWER, STORE_DAMAGED when a repaired store does not verify (then nothing has changed), STORE_UNAVAILABLE.
 */
export async function repairStores(places: CheckPlaces, options: RepairOptions): Promise<RepairSummary> {
  const facts = readAllFacts(places);
  refuseNewer(places, facts);
  for (const store of ['delta', 'index', 'audit'] as const)
    rmSync(freshDirectory(places[store]), { recursive: true, force: true });
  const { onProgress } = options;
  const { problems } = await verifyStores(places, { ...mapSize(options), ...(onProgress && { onProgress }) });
  return new Repair(places, options, facts, problems).run();
}

/** What a newer version wrote is not damage, whatever it looks like from here. */
function refuseNewer(places: CheckPlaces, facts: AllFacts): void {
  for (const store of ['delta', 'index', 'audit'] as const) {
    const { unknownFormat } = facts[store].inspection;
    const schema = storedSchema(places[store], facts[store]);
    if (schema > schemas[store])
      throw newer(places[store], `schema ${schema}, this version knows ${schemas[store]}`, schema);
    if (unknownFormat !== undefined)
      throw newer(places[store], `the LMDB format ${unknownFormat}, which this version does not know`);
  }
}

/** Of a damaged store the newest that lies about: what can still be read may be from before. */
function storedSchema(directory: string, { meta, inspection }: StoreFacts): number {
  const told = metaValue(meta, 'schema', isCount) ?? 0;
  const salvage = inspection.problems.length === 0 ? undefined : Salvage.open(directory);
  if (salvage === undefined) return told;
  try {
    const isSchema = (name: string, stored: Buffer) =>
      name === 'schema' && metaValue(new Map([[name, stored]]), name, isCount) !== undefined;
    const { sure, guessed } = salvageMetaValues(salvage, isSchema);
    return Math.max(told, metaValue(sure, 'schema', isCount) ?? metaValue(guessed, 'schema', isCount) ?? 0);
  } finally {
    salvage.close();
  }
}

function newer(directory: string, what: string, schema?: number): CollabError {
  return new CollabError('SCHEMA_NEWER', `${directory} has ${what}`, {
    next: 'Install the newest agent-collab, or restore a backup made by this version.',
    details: { directory, ...(schema === undefined ? {} : { schema }) },
  });
}

/** Where the store is written anew. */
function freshDirectory(directory: string): string {
  return `${directory}.repaired`;
}

function mapSize({ mapSizeBytes }: RepairOptions): { readonly mapSizeBytes?: number } {
  return mapSizeBytes === undefined ? {} : { mapSizeBytes };
}

class Repair {
  readonly #places: CheckPlaces;
  readonly #options: RepairOptions;
  readonly #facts: AllFacts;
  readonly #problems: readonly VerifyProblem[];
  readonly #aside: string[] = [];
  readonly #rebuilt: string[] = [];
  #lost: LostRecords = { deltas: 0, auditEvents: 0, atLeast: false };

  constructor(
    places: CheckPlaces,
    options: RepairOptions,
    facts: AllFacts,
    problems: readonly VerifyProblem[],
  ) {
    this.#places = places;
    this.#options = options;
    this.#facts = facts;
    this.#problems = problems;
  }

  async run(): Promise<RepairSummary> {
    const damaged = new Set(this.#problems.map(({ store }) => store));
    if (damaged.size === 0) return { aside: [], rebuilt: [], lost: this.#lost };
    // Before the first store is replaced: each may be what knows of another.
    const witness = this.#witness();
    if (damaged.has('delta')) await this.#repairLog(witness);
    if (damaged.has('audit')) await this.#repairAudit(witness.auditNewest ?? 0);
    if (damaged.has('delta') || damaged.has('index')) await this.#rebuildIndex();
    return { aside: this.#aside, rebuilt: this.#rebuilt, lost: this.#lost };
  }

  #witness(): LogWitness {
    const { witness = {} } = this.#options;
    const { delta, index, audit } = this.#facts;
    const applied =
      index.inspection.problems.length === 0 ? metaValue(index.meta, 'applied', isAppliedMark)?.position : 0;
    const seen = metaValue(delta.meta, 'auditNewest', isCount);
    return {
      ...witness,
      indexed: applied ?? 0,
      fence: Math.max(witness.fence ?? 0, highestFence(this.#places.audit)),
      auditNewest: Math.max(witness.auditNewest ?? 0, seen ?? 0, digestOf(audit)?.newest ?? 0),
    };
  }

  async #repairLog(witness: LogWitness): Promise<void> {
    const { delta } = this.#places;
    const fresh = freshDirectory(delta);
    const repaired = await repairLog(delta, fresh, this.#options.node, witness, this.#progress('delta'));
    const environment = openDeltaEnvironment(fresh, mapSize(this.#options));
    try {
      await this.#assertSound({ log: new LogView(environment) }, delta);
    } finally {
      await environment.close();
    }
    this.#lose(repaired.atLeast, { deltas: repaired.lost });
    await this.#swap('delta', repaired.remains);
  }

  async #repairAudit(witness: number): Promise<void> {
    const { audit } = this.#places;
    const fresh = freshDirectory(audit);
    const repaired = await repairAudit(audit, fresh, this.#node(), witness, this.#progress('audit'));
    const tables = await openAuditTables(fresh, mapSize(this.#options));
    try {
      await this.#assertSound({ audit: tables }, audit);
    } finally {
      await tables.environment.close();
    }
    this.#lose(repaired.atLeast, { auditEvents: repaired.lost });
    await this.#swap('audit', []);
  }

  /** Begun anew: the log is the truth. */
  async #rebuildIndex(): Promise<void> {
    const { delta, index } = this.#places;
    const environment = openDeltaEnvironment(delta, mapSize(this.#options));
    try {
      const log = new LogView(environment);
      const writer = await DeltaIndexWriter.open(freshDirectory(index), log, mapSize(this.#options));
      try {
        const head = log.head();
        for (let applied = writer.applied(); ; ) {
          const done = writer.applyBatch(applied, head);
          if (done === applied) break;
          applied = done;
          this.#progress('index')(applied, head);
        }
      } finally {
        await writer.close();
      }
    } finally {
      await environment.close();
    }
    await this.#swap('index', []);
  }

  #lose(atLeast: boolean, lost: Partial<LostRecords>): void {
    this.#lost = { ...this.#lost, ...lost, atLeast: this.#lost.atLeast || atLeast };
  }

  #node(): NodeId | undefined {
    const isText = (value: unknown): value is NodeId => typeof value === 'string';
    return this.#options.node ?? metaValue(this.#facts.delta.meta, 'node', isText);
  }

  #progress(store: VerifiedStore): (done: number, total: number) => void {
    return (done, total) => this.#options.onProgress?.({ store, done, total });
  }

  async #assertSound(targets: VerifyTargets, directory: string): Promise<void> {
    const { sound, problems } = await verifyOpen(targets);
    if (sound) return;
    throw new CollabError('STORE_DAMAGED', `the store in ${directory} could not be repaired`, {
      next: 'Restore a backup: agent-collab restore.',
      details: { directory, problems: problems.map(({ where, what }) => `${where} ${what}`) },
    });
  }

  /** Sets the damaged file aside under a second name, then puts the new one over it: the store is never without a file. */
  async #swap(store: VerifiedStore, remains: RepairedLog['remains']): Promise<void> {
    const directory = this.#places[store];
    const fresh = freshDirectory(directory);
    await syncPath(join(fresh, dataFileName));
    failpoint('repair.written');
    const isDamaged = this.#problems.some((problem) => problem.store === store);
    // An index that merely belongs to the log as it was has nothing to keep.
    if (isDamaged && existsSync(join(directory, dataFileName))) await this.#setAside(store, remains);
    failpoint('repair.aside');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // It speaks of the old file's transactions.
    rmSync(join(directory, lockFileName), { force: true });
    renameSync(join(fresh, dataFileName), join(directory, dataFileName));
    await syncPath(directory);
    failpoint('repair.swapped');
    rmSync(fresh, { recursive: true, force: true });
    this.#rebuilt.push(store);
  }

  async #setAside(store: VerifiedStore, remains: RepairedLog['remains']): Promise<void> {
    const file = join(this.#places[store], dataFileName);
    const { asideDirectory } = this.#options;
    mkdirSync(asideDirectory, { recursive: true, mode: 0o700 });
    const aside = join(
      asideDirectory,
      asideBefore(asideDirectory, store, file) ?? asideName(systemClock.wallMs(), store),
    );
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    const kept = join(aside, dataFileName);
    if (!existsSync(kept)) await keepFile(file, kept);
    const problems = this.#problems.filter((problem) => problem.store === store);
    const mode = 0o600;
    await writeFile(join(aside, 'report.json'), `${JSON.stringify({ store, problems }, undefined, 2)}\n`, {
      mode,
    });
    for (const { position, bytes } of remains)
      await writeFile(join(aside, `position-${position}.bin`), bytes, { mode });
    await syncPath(aside);
    await syncPath(asideDirectory);
    await syncPath(dirname(asideDirectory));
    this.#aside.push(aside);
  }
}

/** What an interrupted repair has set aside already: the very same file. */
function asideBefore(asideDirectory: string, store: VerifiedStore, file: string): string | undefined {
  const { ino, dev } = statSync(file);
  return readdirSync(asideDirectory).find((name) => {
    if (!name.endsWith(`-${store}`)) return false;
    const kept = statSync(join(asideDirectory, name, dataFileName), { throwIfNoEntry: false });
    return kept === undefined
      ? readdirSync(join(asideDirectory, name)).length === 0
      : kept.ino === ino && kept.dev === dev;
  });
}
