import assert from 'node:assert/strict';
import { EntryList, type EntryVisitor, type IndexEntry } from './entry-list.ts';
import { FileClaims } from './file-claims.ts';
import type { Glob } from './glob.ts';
import type { CompiledTarget } from './target.ts';

/**
 * Nodes without entries that are kept for the next claim of their path. Not only to save making them: V8's Map leaves
 * a hole in the chain of a deleted key until it is rehashed, so setting and deleting one key of a big Map by turns
 * walks ever longer chains, tens of microseconds with 10 000 paths in it.
 */
const maxIdleNodes = 1024;

/**
 * Finds the targets that overlap a given one without looking at the others. Per project a tree of paths, whose
 * nodes are also found by their whole path: a file costs one look-up plus O(log n + found) within the file, and the
 * globs anchored above it; a glob costs the part of the tree that it can match. Nodes that have become empty are
 * removed after a while.
 */
export class ClaimIndex<O> {
  readonly #projects = new Map<string, PathTree<O>>();
  /** A ring: who comes in takes the place of the one that has been idle for longest. */
  readonly #idle: PathNode<O>[] = [];
  #idleAt = 0;
  #size = 0;

  /** Entries, that is targets, not owners. */
  get size(): number {
    return this.#size;
  }

  /** Paths, directories and projects in memory: those of the entries, and of at most `maxIdleNodes` idle paths. */
  get nodes(): number {
    let sum = 0;
    for (const tree of this.#projects.values()) sum += 1 + tree.nodes;
    return sum;
  }

  add(entry: IndexEntry<O>): void {
    const { project } = entry.compiled.target;
    let tree = this.#projects.get(project);
    if (tree === undefined) {
      tree = new PathTree(project);
      this.#projects.set(project, tree);
    }
    tree.add(entry);
    this.#size += 1;
  }

  /** `entry` must be in this index. */
  remove(entry: IndexEntry<O>): void {
    const node = this.#projects.get(entry.compiled.target.project)?.remove(entry);
    if (node === undefined) assert.fail('the entry is not in the index');
    this.#size -= 1;
    if (node.isEmpty && !node.isIdle) this.#keepIdle(node);
  }

  /**
   * Shows every entry that overlaps `query` until the visitor returns true. The visitor must not change the index.
   * @returns whether the visitor stopped it.
   */
  visit(query: CompiledTarget, visitor: EntryVisitor<O>): boolean {
    const tree = this.#projects.get(query.target.project);
    if (tree === undefined) return false;
    return query.glob === undefined ? tree.visitPath(query, visitor) : tree.visitGlob(query.glob, visitor);
  }

  /** The owners of the entries that overlap `query`, each once. */
  owners(query: CompiledTarget): O[] {
    const owners = new Set<O>();
    this.visit(query, {
      visit: (entry) => {
        owners.add(entry.owner);
        return false;
      },
    });
    return [...owners];
  }

  #keepIdle(node: PathNode<O>): void {
    const oldest = this.#idle[this.#idleAt];
    node.isIdle = true;
    this.#idle[this.#idleAt] = node;
    this.#idleAt = (this.#idleAt + 1) % maxIdleNodes;
    if (oldest === undefined) return;
    oldest.isIdle = false;
    oldest.tree.prune(oldest);
    if (oldest.tree.isEmpty) this.#projects.delete(oldest.tree.project);
  }
}

class PathTree<O> {
  readonly project: string;
  readonly #root = new PathNode<O>('', undefined, this);
  readonly #nodes = new Map<string, PathNode<O>>();
  #globs = 0;

  constructor(project: string) {
    this.project = project;
  }

  get nodes(): number {
    return this.#nodes.size;
  }

  get isEmpty(): boolean {
    return this.#root.isEmpty && !this.#root.isIdle;
  }

  add(entry: IndexEntry<O>): void {
    const { target, glob } = entry.compiled;
    if (glob === undefined) {
      const node = this.#reach(target.path);
      node.file ??= new FileClaims();
      node.file.add(entry);
      return;
    }
    const node = glob.anchor.length === 0 ? this.#root : this.#reach(glob.anchor.join('/'));
    node.globs ??= new EntryList();
    node.globs.add(entry);
    this.#globs += 1;
  }

  /** @returns the node that the entry was at, or undefined when it was not in the tree. */
  remove(entry: IndexEntry<O>): PathNode<O> | undefined {
    const { target, glob } = entry.compiled;
    const path = glob === undefined ? target.path : glob.anchor.join('/');
    const node = path === '' ? this.#root : this.#nodes.get(path);
    if (glob === undefined) {
      if (node?.file === undefined) return undefined;
      node.file.remove(entry);
    } else {
      if (node?.globs === undefined) return undefined;
      node.globs.remove(entry);
      this.#globs -= 1;
    }
    return node;
  }

  /** Removes the node and those above it, as far as they are empty. */
  prune(from: PathNode<O>): void {
    let node = from;
    while (node.isEmpty && !node.isIdle && node.parent !== undefined) {
      this.#nodes.delete(node.path);
      node.leave();
      node = node.parent;
    }
  }

  visitPath(query: CompiledTarget, visitor: EntryVisitor<O>): boolean {
    const { path } = query.target;
    const node = this.#nodes.get(path);
    if (node?.file?.visit(query, visitor)) return true;
    if (this.#globs === 0) return false;
    // Globs are anchored above what they match, never at it.
    const globs = new GlobsOfPath(path, visitor);
    for (
      let above: PathNode<O> | undefined = this.#nodeAbove(path);
      above !== undefined;
      above = above.parent
    ) {
      if (above.globs?.visit(globs)) return true;
    }
    return false;
  }

  visitGlob(glob: Glob, visitor: EntryVisitor<O>): boolean {
    const globs = new GlobsOfGlob(glob, visitor);
    const path = glob.anchor.join('/');
    const anchor = path === '' ? this.#root : this.#nodes.get(path);
    if (this.#globs > 0 && path !== '') {
      for (
        let above: PathNode<O> | undefined = this.#nodeAbove(path);
        above !== undefined;
        above = above.parent
      ) {
        if (above.globs?.visit(globs)) return true;
      }
    }
    return anchor !== undefined && visitSubtree(anchor, glob, glob.statesAtAnchor(), globs, visitor);
  }

  /** The nearest node there is above `path`. */
  #nodeAbove(path: string): PathNode<O> {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const node = this.#nodes.get(path.slice(0, slash));
      if (node !== undefined) return node;
    }
    return this.#root;
  }

  #reach(path: string): PathNode<O> {
    const known = this.#nodes.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const node = new PathNode(path, slash === -1 ? this.#root : this.#reach(path.slice(0, slash)), this);
    this.#nodes.set(path, node);
    return node;
  }
}

/** A directory, a file, or both when somebody claims a directory's path as a file. */
class PathNode<O> {
  readonly path: string;
  readonly parent: PathNode<O> | undefined;
  readonly tree: PathTree<O>;
  /** Among the nodes that the index keeps although they are empty. */
  isIdle = false;
  file: FileClaims<O> | undefined = undefined;
  /** Globs whose leading segments without wildcards end here. */
  globs: EntryList<O> | undefined = undefined;
  /** Children are a linked list: they are found by path and only gone through by globs. */
  firstChild: PathNode<O> | undefined = undefined;
  previous: PathNode<O> | undefined = undefined;
  next: PathNode<O> | undefined = undefined;

  constructor(path: string, parent: PathNode<O> | undefined, tree: PathTree<O>) {
    this.path = path;
    this.parent = parent;
    this.tree = tree;
    if (parent === undefined) return;
    this.next = parent.firstChild;
    if (this.next !== undefined) this.next.previous = this;
    parent.firstChild = this;
  }

  get name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  get isEmpty(): boolean {
    if (this.firstChild !== undefined || (this.file !== undefined && this.file.size > 0)) return false;
    return this.globs === undefined || this.globs.isEmpty;
  }

  /** Out of the list of its parent, where it is not the root. */
  leave(): void {
    if (this.next !== undefined) this.next.previous = this.previous;
    if (this.previous !== undefined) this.previous.next = this.next;
    else if (this.parent !== undefined) this.parent.firstChild = this.next;
  }
}

/** Goes down as deep as a path has segments, at most half of `maxPathBytes`, which the stack bears. */
function visitSubtree<O>(
  node: PathNode<O>,
  glob: Glob,
  states: readonly number[],
  globs: EntryVisitor<O>,
  visitor: EntryVisitor<O>,
): boolean {
  if (node.globs?.visit(globs)) return true;
  for (let child = node.firstChild; child !== undefined; child = child.next) {
    const after = glob.advance(states, child.name);
    if (after.length === 0) continue;
    if (child.file !== undefined && glob.accepts(after) && child.file.visitAll(visitor)) return true;
    if (visitSubtree(child, glob, after, globs, visitor)) return true;
  }
  return false;
}

/** Lets through the globs that match a path. */
class GlobsOfPath<O> implements EntryVisitor<O> {
  readonly #path: string;
  readonly #visitor: EntryVisitor<O>;

  constructor(path: string, visitor: EntryVisitor<O>) {
    this.#path = path;
    this.#visitor = visitor;
  }

  visit(entry: IndexEntry<O>): boolean {
    return entry.compiled.glob?.matches(this.#path) === true && this.#visitor.visit(entry);
  }
}

/** Lets through the globs that share a path with a glob. */
class GlobsOfGlob<O> implements EntryVisitor<O> {
  readonly #glob: Glob;
  readonly #visitor: EntryVisitor<O>;

  constructor(glob: Glob, visitor: EntryVisitor<O>) {
    this.#glob = glob;
    this.#visitor = visitor;
  }

  visit(entry: IndexEntry<O>): boolean {
    return entry.compiled.glob?.intersects(this.#glob) === true && this.#visitor.visit(entry);
  }
}
