/**
 * The look at the stores before LMDB opens them: pages, meta values, digests, and what the stores know of each other. LMDB ends the
 * process that reads certain damaged pages, and answers wrongly from others. Frames and events are not read: they have
 * checksums, which every reader checks.
 */
import { CollabError } from '../base/errors.ts';
import { auditSchema } from './audit-tables.ts';
import { blockTable, indexSchema, isAppliedMark, runTables } from './index-tables.ts';
import { deltaSchema, metaGuard } from './log-view.ts';
import { decodeMeta, isCount } from './meta-table.ts';
import { isRunsState, runsName } from './sorted-runs.ts';
import { digestOf, metaValue, readFacts, type StoreFacts } from './store-facts.ts';
import { digestName, isStoredDigest } from './table-digest.ts';
import type { VerifiedStore, VerifyProblem } from './verify-report.ts';

export interface CheckPlaces {
  readonly delta: string;
  readonly index: string;
  readonly audit: string;
}

export interface StoreCheck {
  /** `absent`: there is no file, or an empty one, or one that was not more than begun. */
  readonly state: 'sound' | 'absent' | 'damaged';
  readonly problems: readonly VerifyProblem[];
}

export interface StartCheck {
  readonly delta: StoreCheck;
  readonly index: StoreCheck;
  readonly audit: StoreCheck;
  /** True when none of the three is damaged. */
  readonly sound: boolean;
}

export type AllFacts = Readonly<Record<VerifiedStore, StoreFacts>>;

/**
 * On files that nobody writes. An absent store is no damage here, unless another one shows that it was there.
 * @throws what the file system says.
 */
export async function checkAtStart(places: CheckPlaces): Promise<StartCheck> {
  return checkFacts(readAllFacts(places));
}

export function readAllFacts({ delta, index, audit }: CheckPlaces): AllFacts {
  // The index first: its tables are of all kinds, and the compiler optimises what it has seen most of.
  const indexFacts = readFacts(index, { metaMayLag: true });
  return { delta: readFacts(delta), index: indexFacts, audit: readFacts(audit) };
}

function checkFacts(facts: AllFacts): StartCheck {
  const delta = storeCheck(facts.delta, deltaProblems(facts));
  const index = storeCheck(facts.index, indexProblems(facts));
  const audit = storeCheck(facts.audit, auditProblems(facts));
  const sound = [delta, index, audit].every(({ state }) => state !== 'damaged');
  return { delta, index, audit, sound };
}

function storeCheck({ meta }: StoreFacts, problems: readonly VerifyProblem[]): StoreCheck {
  if (problems.length > 0) return { state: 'damaged', problems };
  return { state: meta.has('schema') ? 'sound' : 'absent', problems };
}

/** Collects what is wrong with one store. */
class Findings {
  readonly problems: VerifyProblem[] = [];
  readonly #store: VerifiedStore;
  readonly facts: StoreFacts;

  constructor(store: VerifiedStore, facts: StoreFacts) {
    this.#store = store;
    this.facts = facts;
    for (const { page, table, what } of facts.inspection.problems) {
      const where = [
        ...(table === undefined ? [] : [table]),
        ...(page === undefined ? [] : [`page ${page}`]),
      ];
      this.add(where.join(', ') || 'file', what);
    }
  }

  add(where: string, what: string): void {
    this.problems.push({ store: this.#store, where, what });
  }

  get isSound(): boolean {
    return this.problems.length === 0;
  }

  /**
   * The values of `meta` against their checksums. False when there is nothing more to look at: a store that was never begun,
   * one of another schema, or a damaged one.
   */
  meta(
    schema: number,
    tables: readonly string[],
    guardOf: (name: string) => (value: unknown) => boolean,
  ): boolean {
    const { inspection, meta } = this.facts;
    if (!this.isSound || !inspection.exists) return false;
    for (const [name, stored] of meta) {
      try {
        decodeMeta(name, stored, guardOf(name) as (value: unknown) => value is unknown);
      } catch (error) {
        this.add(`meta ${name}`, error instanceof CollabError ? error.message : String(error));
      }
    }
    if (!this.isSound) return false;
    const told = metaValue(meta, 'schema', isCount);
    if (told === undefined) {
      // Killed while it was made for the first time: then nothing is in it.
      for (const [table, entries] of inspection.tables)
        if (entries > 0) this.add('meta schema', `is missing, and ${table} has ${entries} entries`);
      return false;
    }
    if (told !== schema) return false;
    for (const table of tables) if (!inspection.tables.has(table)) this.add(`table ${table}`, 'is missing');
    return this.isSound;
  }

  need(names: readonly string[]): void {
    for (const name of names) if (!this.facts.meta.has(name)) this.add(`meta ${name}`, 'is missing');
  }

  digests(): void {
    const stored = digestOf(this.facts);
    if (stored === undefined) return;
    for (const [table, [count, sum]] of Object.entries(stored.tables)) {
      const found = this.facts.digests.get(table);
      if (found?.count === count && found.sum === sum) continue;
      const what = found?.count === count ? 'other entries' : `${found?.count ?? 0} entries`;
      this.add(`table ${table}`, `has ${what} than the ${count} that were written`);
    }
  }
}

function deltaProblems({ delta, index }: AllFacts): readonly VerifyProblem[] {
  const findings = new Findings('delta', delta);
  const applied = appliedOf(index);
  if (!findings.meta(deltaSchema, ['log'], metaGuard)) {
    const isBegun = delta.meta.has('schema');
    if (findings.isSound && !isBegun && applied > 0)
      findings.add('log', `is gone, the index was made from one that had ${applied} positions`);
    return findings.problems;
  }
  findings.need(['node', 'head', 'floor', 'trimmed']);
  const [head, floor, trimmed] = ['head', 'floor', 'trimmed'].map((name) =>
    metaValue(delta.meta, name, isCount),
  );
  if (head === undefined || floor === undefined || trimmed === undefined) return findings.problems;
  if (trimmed > floor || floor > head + 1)
    findings.add('meta floor', `${trimmed} ≤ ${floor} ≤ ${head + 1} fails`);
  const { count, first, last, brokenAt } = delta.log;
  if (brokenAt !== undefined) findings.add(`position ${brokenAt}`, 'is missing from the log');
  else if (count !== head - trimmed + 1 || (count > 0 && (first !== trimmed || last !== head)))
    findings.add('log', `has the positions ${first} to ${last}, meta says ${trimmed} to ${head}`);
  if (applied > head)
    findings.add('log', `ends at position ${head}, the index was made from one that had ${applied}`);
  return findings.problems;
}

function appliedOf({ inspection, meta }: StoreFacts): number {
  return inspection.problems.length > 0 ? 0 : (metaValue(meta, 'applied', isAppliedMark)?.position ?? 0);
}

function indexProblems({ index }: AllFacts): readonly VerifyProblem[] {
  const findings = new Findings('index', index);
  const guard = (name: string) =>
    name === 'applied' ? isAppliedMark : name === runsName ? isRunsState : isCount;
  if (!findings.meta(indexSchema, [blockTable], guard)) return findings.problems;
  findings.need(['applied', runsName]);
  const runs = metaValue(index.meta, runsName, isRunsState);
  for (const key of index.blocks.broken) findings.add(`block ${key}`, 'fails its checksum');
  for (const { run, blocks } of runs?.live ?? []) {
    const found = index.blocks.ofRun.get(run);
    for (const [table, count] of blocks.entries())
      if (count !== (found?.[table] ?? 0))
        findings.add(
          `run ${run}`,
          `has ${found?.[table] ?? 0} of its ${count} blocks of the table ${runTables[table] ?? table}`,
        );
  }
  return findings.problems;
}

/** The log remembers from each start how far the trail went: one that ends before was emptied or put in its place. */
function auditProblems({ audit, delta }: AllFacts): readonly VerifyProblem[] {
  const findings = new Findings('audit', audit);
  const guard = (name: string) => (name === digestName ? isStoredDigest : isCount);
  const tables = ['events', 'holder', 'lock', 'target', 'action'];
  const goesOn = findings.meta(auditSchema, tables, guard);
  if (goesOn) findings.digests();
  if (!findings.isSound || delta.inspection.problems.length > 0) return findings.problems;
  const witness = metaValue(delta.meta, 'auditNewest', isCount) ?? 0;
  const schema = metaValue(audit.meta, 'schema', isCount) ?? auditSchema;
  const newest = digestOf(audit)?.newest ?? 0;
  if (schema === auditSchema && newest < witness)
    findings.add('events', `end at ${newest}, the log has seen them reach ${witness}`);
  return findings.problems;
}
