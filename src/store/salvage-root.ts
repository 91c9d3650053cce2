/** Where to begin with a damaged file: the newest transaction that was committed, and the tables as it left them. */

import {
  copiedTransaction,
  type MetaPage,
  mostMissingPages,
  namedTreeBytes,
  type PageFile,
  pageTransaction,
  readFormat,
  readTreeHeader,
  readUncheckedMeta,
  type TreeHeader,
} from './lmdb-file.ts';
import { storedKey } from './lmdb-tree.ts';
import { looseNodes } from './loose-nodes.ts';

export interface SalvageRoot {
  /** Newest transaction of which anything may count. */
  readonly transaction: number;
  readonly tables: ReadonlyMap<string, TreeHeader>;
  /** False when the tables are as an earlier transaction left them. */
  readonly isCurrent: boolean;
  /** Undefined when no meta page tells. */
  readonly free: TreeHeader | undefined;
  /** At least those that the file has. */
  readonly pages: number;
}

/** True when a meta page speaks of pages behind the end of the file, or there is none that can be read. They may have been in use. */
export function endIsGone(file: PageFile): boolean {
  const claims = readClaims(file).filter(({ meta }) => readFormat(file, meta.page) !== undefined);
  return claims.length === 0 || claims.some(({ meta }) => meta.lastPage >= file.pages);
}

/** A meta page, and the transaction of the root that it names. Undefined: that cannot be read. */
interface Claim {
  readonly meta: MetaPage;
  readonly rootTransaction: number | undefined;
}

/** Every store has it. */
const knownTable = 'meta';

export function findSalvageRoot(file: PageFile): SalvageRoot {
  const claims = readClaims(file);
  const isSound = agrees(file);
  const agreed = claims.filter(isSound).sort((a, b) => b.meta.transaction - a.meta.transaction);
  const [best] = agreed;
  if (best !== undefined && agreed.length === claims.length) return rootOf(file, best, best.meta.transaction);
  const doubtful = claims.filter((claim) => !isSound(claim));
  if (best === undefined) return searchedRoot(file, doubtful);
  // A new file has one meta page that tells nothing, and so has a compact copy, whose other one has the number of the original.
  const only =
    best.meta.transaction === 0 ? doubtful.find(({ meta }) => meta.main.root !== undefined) : undefined;
  if (only !== undefined && Number.isSafeInteger(only.meta.transaction))
    return rootOf(file, only, only.meta.transaction);
  // The other one may have been the newer: then it tells so, or its tree still lies about.
  const next = best.meta.transaction + 1;
  const newer = doubtful.find(
    ({ meta, rootTransaction }) => meta.transaction === next || rootTransaction === next,
  );
  if (newer !== undefined) return rootOf(file, newer, next);
  const found = searchTables(file, (transaction) => transaction === next);
  const pages = file.pages;
  if (found !== undefined) return { ...found, isCurrent: true, free: undefined, pages };
  const root = rootOf(file, best, best.meta.transaction);
  return wrote(file, next) ? { ...root, transaction: next, isCurrent: false, free: undefined, pages } : root;
}

function readClaims(file: PageFile): readonly Claim[] {
  const metas = ([0, 1] as const)
    .map((page) => readUncheckedMeta(file, page))
    .filter((meta) => meta !== undefined);
  return metas.map((meta): Claim => {
    const { root } = meta.main;
    const rootTransaction = root === undefined ? undefined : pageTransaction(file, root);
    const other = metas.find(({ page }) => page !== meta.page)?.transaction ?? 0;
    // The root of a compact copy tells nothing; the copy is the newest as long as the other meta page is at 0.
    const isCopy = rootTransaction === copiedTransaction && (other === 0 || other > meta.transaction);
    return { meta, rootTransaction: isCopy ? meta.transaction : rootTransaction };
  });
}

/** True when there is a page that the transaction wrote. */
function wrote(file: PageFile, transaction: number): boolean {
  for (let page = 2; page < file.pages; page++) if (pageTransaction(file, page) === transaction) return true;
  return false;
}

/** How many transactions may have lost their lists of tables: a number far above is a damaged one. */
const mostLostLists = 64;

/** The newest transaction that wrote any page; at least `known`. */
function newestWritten(file: PageFile, known: number): number {
  let newest = known;
  for (let page = 2; page < file.pages; page++) {
    const transaction = pageTransaction(file, page) ?? 0;
    if (transaction > newest && transaction <= known + mostLostLists) newest = transaction;
  }
  return newest;
}

/** The newest list of tables that there is, when no meta page leads to one. */
function searchedRoot(file: PageFile, claims: readonly Claim[]): SalvageRoot {
  const found = searchTables(file, () => true);
  const told = claims.filter(({ meta }) => isPlausible(meta)).map(({ meta }) => meta.transaction);
  // A later one, whose list of tables is gone, has left other pages.
  if (found !== undefined) told.push(newestWritten(file, found.transaction));
  const transaction = Math.max(found?.transaction ?? 0, ...told);
  const meta = claims.find((claim) => claim.meta.transaction === transaction)?.meta;
  return {
    transaction: transaction === 0 ? Number.MAX_SAFE_INTEGER : transaction,
    tables: found?.tables ?? new Map(),
    isCurrent: found?.transaction === transaction,
    free: meta?.free,
    pages: pagesOf(file, meta),
  };
}

/** Transactions write the two meta pages in turn. */
function isPlausible({ page, transaction }: MetaPage): boolean {
  return Number.isSafeInteger(transaction) && transaction % 2 === page;
}

/**
 * The tables that a meta page leads to; when it leads elsewhere, those that its transaction wrote. When there are none of those, it is
 * the head of the page that is damaged, and not the way to it.
 */
function rootOf(file: PageFile, { meta, rootTransaction }: Claim, transaction: number): SalvageRoot {
  const { main } = meta;
  const free = isOf(file, meta.free, transaction) ? meta.free : undefined;
  const pages = pagesOf(file, meta);
  const named = main.root === undefined ? new Map<string, TreeHeader>() : tablesIn(file, main.root);
  const isNamed = named.has(knownTable);
  if (rootTransaction === transaction && isNamed)
    return { transaction, tables: named, isCurrent: true, free, pages };
  const found = searchTables(file, (told) => told === transaction);
  const isCurrent = found !== undefined || isNamed || main.root === undefined;
  return { transaction, tables: found?.tables ?? named, isCurrent, free, pages };
}

/**
 * Each transaction frees pages, so it writes the list of them. One that another transaction wrote, in a meta page that was torn, has pages on
 * it that are in use now.
 */
function isOf(file: PageFile, { root }: TreeHeader, transaction: number): boolean {
  return root === undefined || pageTransaction(file, root) === transaction;
}

/** A file that was cut may lack pages that are in use, or free. */
function pagesOf(file: PageFile, meta: MetaPage | undefined): number {
  const told = (meta?.lastPage ?? 0) + 1;
  return told > file.pages && told < file.pages + mostMissingPages ? told : file.pages;
}

/**
 * A meta page and the root that it names tell the same transaction, the two meta pages two that follow one another: so what damage
 * has changed shows by the rest.
 */
function agrees(file: PageFile): (claim: Claim) => boolean {
  return ({ meta, rootTransaction }) =>
    // A page of zeros agrees with itself.
    readFormat(file, meta.page) !== undefined &&
    meta.transaction === (meta.main.root === undefined ? 0 : rootTransaction);
}

/** The tables that a page names, whatever else is wrong with it: ours have so few that one page holds the list. */
function tablesIn(file: PageFile, page: number): ReadonlyMap<string, TreeHeader> {
  const tables = new Map<string, TreeHeader>();
  const at = file.load(page);
  if (at === undefined) return tables;
  for (const node of looseNodes(file, at)) {
    // lmdb-js passes C strings: LMDB's own names end in a NUL.
    const name = storedKey(node).toString('latin1').replace(/\0$/, '');
    if (!node.isTree || node.valueBytes !== namedTreeBytes || tables.has(name)) continue;
    tables.set(name, readTreeHeader(new DataView(file.bytes.buffer), node.valueAt));
  }
  return tables;
}

/** The newest list of tables that lies anywhere in the file. */
function searchTables(
  file: PageFile,
  fits: (transaction: number) => boolean,
): Pick<SalvageRoot, 'transaction' | 'tables'> | undefined {
  let found: Pick<SalvageRoot, 'transaction' | 'tables'> | undefined;
  for (let page = 2; page < file.pages; page++) {
    const transaction = pageTransaction(file, page);
    if (transaction === undefined || transaction < (found?.transaction ?? 1) || !fits(transaction)) continue;
    const tables = tablesIn(file, page);
    if (tables.has(knownTable)) found = { transaction, tables };
  }
  return found;
}
