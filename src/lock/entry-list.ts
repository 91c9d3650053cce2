import type { Interval } from './interval-tree.ts';
import type { CompiledTarget } from './target.ts';

/** One target of one owner (a lease or a waiting claim) in an index. */
export class IndexEntry<O> {
  readonly owner: O;
  readonly compiled: CompiledTarget;
  /** Place in the index: an entry is in one list, one tree or one symbol table at a time. */
  previous: IndexEntry<O> | undefined = undefined;
  next: IndexEntry<O> | undefined = undefined;
  interval: Interval<IndexEntry<O>> | undefined = undefined;

  constructor(owner: O, compiled: CompiledTarget) {
    this.owner = owner;
    this.compiled = compiled;
  }
}

/** A loop, as `map` with a closure shows in the profile of a grant. */
export function entriesOf<O>(owner: O, compiled: readonly CompiledTarget[]): readonly IndexEntry<O>[] {
  const entries: IndexEntry<O>[] = [];
  for (const target of compiled) entries.push(new IndexEntry(owner, target));
  return entries;
}

/** Sees entries one by one. Returning true stops the search. */
export interface EntryVisitor<O> {
  visit(entry: IndexEntry<O>): boolean;
}

/** Entries in order of arrival. Linked through the entries themselves: most lists have one, and come and go. */
export class EntryList<O> {
  #first: IndexEntry<O> | undefined = undefined;
  #last: IndexEntry<O> | undefined = undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(entry: IndexEntry<O>): void {
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  remove(entry: IndexEntry<O>): void {
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  visit(visitor: EntryVisitor<O>): boolean {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      if (visitor.visit(entry)) return true;
    }
    return false;
  }
}
