import assert from 'node:assert/strict';
import { EntryList, type EntryVisitor, type IndexEntry } from './entry-list.ts';
import { IntervalTree } from './interval-tree.ts';
import { enclosingSymbols, maxLine } from './scope.ts';
import type { CompiledTarget } from './target.ts';

/** The entries of one file: those of the whole file, of line ranges and of symbols. Parts appear when needed. */
export class FileClaims<O> {
  #whole: EntryList<O> | undefined = undefined;
  #ranges: IntervalTree<IndexEntry<O>> | undefined = undefined;
  #symbols: SymbolClaims<O> | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: IndexEntry<O>): void {
    const { extent, start, end } = entry.compiled;
    if (extent === 'lines') {
      this.#ranges ??= new IntervalTree();
      entry.interval = this.#ranges.insert(start, end, entry);
    } else if (extent === 'symbol') {
      this.#symbols ??= new SymbolClaims();
      this.#symbols.add(entry);
    } else {
      this.#whole ??= new EntryList();
      this.#whole.add(entry);
    }
    this.#size += 1;
  }

  remove(entry: IndexEntry<O>): void {
    const { extent } = entry.compiled;
    if (extent === 'lines') {
      if (entry.interval === undefined) assert.fail('the entry is not in this file');
      this.#ranges?.remove(entry.interval);
      entry.interval = undefined;
    } else if (extent === 'symbol') {
      this.#symbols?.remove(entry);
    } else {
      this.#whole?.remove(entry);
    }
    this.#size -= 1;
  }

  /** Shows the entries that overlap `query`, a target in this file. */
  visit(query: CompiledTarget, visitor: EntryVisitor<O>): boolean {
    if (this.#whole?.visit(visitor)) return true;
    if (query.extent === 'symbol') {
      if (this.#symbols?.visit(query.symbol, visitor)) return true;
      return this.#ranges?.visit(1, maxLine, visitor) ?? false;
    }
    if (this.#ranges?.visit(query.start, query.end, visitor)) return true;
    return this.#symbols?.visitAll(visitor) ?? false;
  }

  visitAll(visitor: EntryVisitor<O>): boolean {
    if (this.#whole?.visit(visitor)) return true;
    if (this.#ranges?.visit(1, maxLine, visitor)) return true;
    return this.#symbols?.visitAll(visitor) ?? false;
  }
}

/** Symbols by name, found by their own name and by every name that encloses them. */
class SymbolClaims<O> {
  readonly #exact = new Map<string, Set<IndexEntry<O>>>();
  /** Under each name the entries that lie strictly within it. */
  readonly #within = new Map<string, Set<IndexEntry<O>>>();

  add(entry: IndexEntry<O>): void {
    addTo(this.#exact, entry.compiled.symbol, entry);
    for (const outer of enclosingSymbols(entry.compiled.symbol)) addTo(this.#within, outer, entry);
  }

  remove(entry: IndexEntry<O>): void {
    removeFrom(this.#exact, entry.compiled.symbol, entry);
    for (const outer of enclosingSymbols(entry.compiled.symbol)) removeFrom(this.#within, outer, entry);
  }

  visit(name: string, visitor: EntryVisitor<O>): boolean {
    if (visitSet(this.#exact.get(name), visitor) || visitSet(this.#within.get(name), visitor)) return true;
    return enclosingSymbols(name).some((outer) => visitSet(this.#exact.get(outer), visitor));
  }

  visitAll(visitor: EntryVisitor<O>): boolean {
    for (const entries of this.#exact.values()) {
      if (visitSet(entries, visitor)) return true;
    }
    return false;
  }
}

function addTo<T>(sets: Map<string, Set<T>>, name: string, item: T): void {
  const known = sets.get(name);
  if (known === undefined) sets.set(name, new Set([item]));
  else known.add(item);
}

function removeFrom<T>(sets: Map<string, Set<T>>, name: string, item: T): void {
  const known = sets.get(name);
  known?.delete(item);
  if (known?.size === 0) sets.delete(name);
}

function visitSet<O>(entries: Set<IndexEntry<O>> | undefined, visitor: EntryVisitor<O>): boolean {
  if (entries === undefined) return false;
  for (const entry of entries) {
    if (visitor.visit(entry)) return true;
  }
  return false;
}
