/** Looks through a whole environment before LMDB is let at it: everything that LMDB would take on trust. */
import {
  copiedTransaction,
  type MetaPage,
  type MetaPages,
  mostMissingPages,
  namedTreeBytes,
  PageFile,
  type PageProblem,
  pageTransaction,
  plainTreeFlags,
  readMetaPages,
  readTreeHeader,
  type TreeHeader,
} from './lmdb-file.ts';
import { claimFree, readFreeLists } from './lmdb-free.ts';
import { PageMap } from './lmdb-page.ts';
import { type LeafVisitor, TreeWalk, walkInFileOrder, walkTree } from './lmdb-tree.ts';

export interface Inspection {
  /** False when there is no file, or an empty one. */
  readonly exists: boolean;
  readonly problems: readonly PageProblem[];
  readonly fileBytes: number;
  readonly pageBytes: number;
  readonly usedPages: number;
  readonly freePages: number;
  readonly transaction: number;
  /** The LMDB format of a file of another version than ours. */
  readonly unknownFormat: number | undefined;
  /** Entries found in each named table. */
  readonly tables: ReadonlyMap<string, number>;
}

export interface InspectOptions {
  /**
   * Who gets the entries of a named table: those of one page in key order, the pages as they lie in the file.
   * @default nobody
   */
  readonly visitor?: (table: string) => LeafVisitor;
  /**
   * Meta pages are not synced by themselves: after a power loss they may be some transactions behind, and a later one may have
   * written where the older of them points. @default false
   */
  readonly metaMayLag?: boolean;
}

/** Bytes of a table's name; ours have at most eight. */
const mostNameBytes = 64;

/** @throws what the file system says. */
export function inspectEnvironment(directory: string, options: InspectOptions = {}): Inspection {
  const file = PageFile.open(directory);
  if (file === undefined) return nothing;
  try {
    return inspectFile(file, options);
  } finally {
    file.close();
  }
}

const nobody: LeafVisitor = { take: () => {} };

const nothing: Inspection = {
  exists: false,
  problems: [],
  fileBytes: 0,
  pageBytes: 4096,
  usedPages: 0,
  freePages: 0,
  transaction: 0,
  unknownFormat: undefined,
  tables: new Map(),
};

function inspectFile(file: PageFile, options: InspectOptions): Inspection {
  const metas = readMetaPages(file);
  const problems: PageProblem[] = [...metas.problems];
  const { newest } = metas;
  const tables = new Map<string, number>();
  let map = new PageMap(0);
  if (newest !== undefined) {
    if (newest.lastPage >= file.pages + mostMissingPages) {
      problems.push({ page: newest.page, what: `the meta page speaks of ${newest.lastPage} pages` });
    } else {
      map = new PageMap(newest.lastPage + 1);
      checkChoice(file, metas, options.metaMayLag ?? false, problems);
      walkAll(file, map, newest, options, problems, tables);
    }
  }
  return {
    exists: true,
    problems,
    fileBytes: file.fileBytes,
    pageBytes: file.pageBytes,
    usedPages: map.used,
    freePages: map.free,
    transaction: newest?.transaction ?? 0,
    unknownFormat: metas.unknownFormat,
    tables,
  };
}

/**
 * The root of the main tree is written by every transaction, so it tells which transaction a meta page is of. LMDB keeps the pages
 * of the transaction before the newest, so this holds for both meta pages. The root of a compact copy tells nothing; it is
 * there until the second transaction after the copy.
 */
function checkChoice(
  file: PageFile,
  { newest, older }: MetaPages,
  mayLag: boolean,
  problems: PageProblem[],
): void {
  for (const meta of [newest, older]) {
    if (meta === undefined || meta.transaction === 0) continue;
    const root = meta.main.root;
    const found = root === undefined ? undefined : pageTransaction(file, root);
    const isCopy = found === copiedTransaction && (meta === older || older?.transaction === 0);
    if (found === meta.transaction || isCopy || (mayLag && meta === older)) continue;
    const what = `the meta page is of transaction ${meta.transaction}, its tree of ${found ?? 'none'}`;
    problems.push({ page: meta.page, what });
  }
}

function walkAll(
  file: PageFile,
  map: PageMap,
  meta: MetaPage,
  options: InspectOptions,
  problems: PageProblem[],
  tables: Map<string, number>,
): void {
  const { transaction } = meta;
  // First: its keys are of another kind, and what the compiler has seen before it optimises it need not give up later.
  const free = readFreeLists(file, map, meta, problems);
  const walks = new Map<string, TreeWalk>();
  for (const [name, header] of readTables(file, map, meta, problems)) {
    const visitor = options.visitor?.(name) ?? nobody;
    if (header.flags !== plainTreeFlags)
      problems.push({ table: name, what: `has the flags ${header.flags}` });
    walks.set(name, new TreeWalk(file, map, header, { name, transaction }, problems, visitor));
  }
  walkInFileOrder([...walks.values()]);
  for (const [name, walk] of walks) tables.set(name, walk.finish());
  claimFree(map, transaction, free, problems);
  const missing = map.pages - 2 - map.used - map.free;
  if (problems.length === 0 && missing !== 0)
    problems.push({ what: `${missing} pages are neither used nor free` });
}

/** The tables that the main tree names. */
function readTables(
  file: PageFile,
  map: PageMap,
  { main, transaction }: MetaPage,
  problems: PageProblem[],
): ReadonlyMap<string, TreeHeader> {
  const tables = new Map<string, TreeHeader>();
  const options = { name: 'the list of tables', transaction, subTrees: true };
  walkTree(file, map, main, options, problems, ({ keyAt, keyBytes, valueAt, valueBytes, overflowPage }) => {
    // LMDB's own names end in a NUL here: lmdb-js passes C strings.
    const name = Buffer.from(file.bytes.buffer, keyAt, Math.min(keyBytes, mostNameBytes))
      .toString('latin1')
      .replace(/\0$/, '');
    if (valueBytes !== namedTreeBytes || overflowPage !== 0)
      problems.push({ table: name, what: 'has a header of the wrong size' });
    else tables.set(name, readTreeHeader(new DataView(file.bytes.buffer, 0), valueAt));
  });
  return tables;
}

/** Number of the newest transaction, 0 when there is none or it cannot be read. */
export function newestTransaction(directory: string): number {
  const file = PageFile.open(directory);
  if (file === undefined) return 0;
  try {
    return readMetaPages(file).newest?.transaction ?? 0;
  } finally {
    file.close();
  }
}

export interface FreeShare {
  readonly fileBytes: number;
  readonly freeBytes: number;
}

/** How much of a file is free pages, from the list of them alone: a look of well under a millisecond for most files. */
export function freeShare(directory: string): FreeShare {
  const file = PageFile.open(directory);
  if (file === undefined) return { fileBytes: 0, freeBytes: 0 };
  try {
    const { newest } = readMetaPages(file);
    if (newest === undefined || newest.lastPage >= file.pages + mostMissingPages)
      return { fileBytes: file.fileBytes, freeBytes: 0 };
    const map = new PageMap(newest.lastPage + 1);
    claimFree(map, newest.transaction, readFreeLists(file, map, newest, []), []);
    return { fileBytes: file.fileBytes, freeBytes: map.free * file.pageBytes };
  } finally {
    file.close();
  }
}
