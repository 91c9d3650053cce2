import assert from 'node:assert/strict';

/** A range in a tree. It is the handle with which the range is removed. */
export interface Interval<T> {
  readonly start: number;
  readonly end: number;
  readonly value: T;
}

class Node<T> implements Interval<T> {
  readonly start: number;
  readonly end: number;
  readonly value: T;
  /** Tells apart ranges with one start; rises with insertion. */
  readonly order: number;
  left: Node<T> | undefined = undefined;
  right: Node<T> | undefined = undefined;
  height = 1;
  maxEnd: number;

  constructor(start: number, end: number, value: T, order: number) {
    this.start = start;
    this.end = end;
    this.value = value;
    this.order = order;
    this.maxEnd = end;
  }
}

/**
 * Inclusive ranges, found by overlap in O(log n + found). An AVL tree (Adelson-Velsky and Landis 1962) by start,
 * each node knowing the greatest end below it (Cormen et al., Introduction to Algorithms, 4th ed., ch. 17.3).
 * Nodes never change their range, so a handle stays good while the tree is rebalanced around it.
 */
export class IntervalTree<T> {
  #root: Node<T> | undefined = undefined;
  #size = 0;
  #nextOrder = 0;

  get size(): number {
    return this.#size;
  }

  insert(start: number, end: number, value: T): Interval<T> {
    if (start > end) assert.fail('a range ends before it starts');
    const node = new Node(start, end, value, this.#nextOrder++);
    this.#root = inserted(this.#root, node);
    this.#size += 1;
    return node;
  }

  /** `interval` must have come from `insert` of this tree and still be in it. */
  remove(interval: Interval<T>): void {
    this.#root = removed(this.#root, interval as Node<T>);
    this.#size -= 1;
  }

  /**
   * Shows every value whose range touches `start..end`, by rising start, until the visitor returns true.
   * @returns whether the visitor stopped it.
   */
  visit(start: number, end: number, visitor: { visit(value: T): boolean }): boolean {
    return visited(this.#root, start, end, visitor);
  }
}

function visited<T>(
  node: Node<T> | undefined,
  start: number,
  end: number,
  visitor: { visit(value: T): boolean },
): boolean {
  if (node === undefined || node.maxEnd < start) return false;
  if (visited(node.left, start, end, visitor)) return true;
  if (node.start > end) return false;
  if (node.end >= start && visitor.visit(node.value)) return true;
  return visited(node.right, start, end, visitor);
}

function comesBefore<T>(a: Node<T>, b: Node<T>): boolean {
  return a.start < b.start || (a.start === b.start && a.order < b.order);
}

function inserted<T>(at: Node<T> | undefined, node: Node<T>): Node<T> {
  if (at === undefined) return node;
  if (comesBefore(node, at)) at.left = inserted(at.left, node);
  else at.right = inserted(at.right, node);
  return balanced(at);
}

function removed<T>(at: Node<T> | undefined, node: Node<T>): Node<T> | undefined {
  if (at === undefined) assert.fail('a range is removed that is not in the tree');
  if (at !== node) {
    if (comesBefore(node, at)) at.left = removed(at.left, node);
    else at.right = removed(at.right, node);
    return balanced(at);
  }
  if (at.left === undefined) return at.right;
  if (at.right === undefined) return at.left;
  // The next node takes this one's place; values are not copied, because handles are nodes.
  const next = leftmost(at.right);
  next.right = withoutLeftmost(at.right);
  next.left = at.left;
  return balanced(next);
}

function leftmost<T>(at: Node<T>): Node<T> {
  let node = at;
  while (node.left !== undefined) node = node.left;
  return node;
}

function withoutLeftmost<T>(at: Node<T>): Node<T> | undefined {
  if (at.left === undefined) return at.right;
  at.left = withoutLeftmost(at.left);
  return balanced(at);
}

/** Restores the AVL condition at `at`, whose children are balanced and differ by at most two in height. */
function balanced<T>(at: Node<T>): Node<T> {
  const { left, right } = at;
  const lean = heightOf(left) - heightOf(right);
  if (left !== undefined && lean > 1) {
    if (heightOf(left.left) < heightOf(left.right)) at.left = rotatedLeft(left);
    return rotatedRight(at);
  }
  if (right !== undefined && lean < -1) {
    if (heightOf(right.right) < heightOf(right.left)) at.right = rotatedRight(right);
    return rotatedLeft(at);
  }
  refresh(at);
  return at;
}

function rotatedLeft<T>(at: Node<T>): Node<T> {
  const top = at.right;
  if (top === undefined) assert.fail('nothing to rotate');
  at.right = top.left;
  top.left = at;
  refresh(at);
  refresh(top);
  return top;
}

function rotatedRight<T>(at: Node<T>): Node<T> {
  const top = at.left;
  if (top === undefined) assert.fail('nothing to rotate');
  at.left = top.right;
  top.right = at;
  refresh(at);
  refresh(top);
  return top;
}

/** By comparisons: this runs for every node on the way of every insertion and removal. */
function refresh<T>(at: Node<T>): void {
  const { left, right } = at;
  let maxEnd = at.end;
  if (left !== undefined && left.maxEnd > maxEnd) maxEnd = left.maxEnd;
  if (right !== undefined && right.maxEnd > maxEnd) maxEnd = right.maxEnd;
  at.height = 1 + Math.max(heightOf(left), heightOf(right));
  at.maxEnd = maxEnd;
}

function heightOf<T>(at: Node<T> | undefined): number {
  return at === undefined ? 0 : at.height;
}
