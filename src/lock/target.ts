import assert from 'node:assert/strict';
import type { ProjectId, RepoPath } from '../base/ids.ts';
import { compileGlob, type Glob, isGlob } from './glob.ts';
import {
  canonicalSymbol,
  formatScope,
  lastLine,
  maxLine,
  type Overlap,
  rangesOverlap,
  type Scope,
  symbolsOverlap,
} from './scope.ts';

/**
 * What a claim is about. A `path` with `*`, `?` or `{a,b}` is a glob, and so is `.`, the whole project; the scope
 * of a glob is always `file`.
 */
export interface Target {
  readonly project: ProjectId;
  readonly path: RepoPath;
  readonly scope: Scope;
}

/** A target made ready for comparing: the glob parsed, the open end a number, the symbol in one spelling. */
export class CompiledTarget {
  readonly target: Target;
  readonly glob: Glob | undefined;
  /** What the scope comes down to: lines 1 to the end are the whole file. */
  readonly extent: 'glob' | 'file' | 'lines' | 'symbol';
  readonly start: number;
  readonly end: number;
  readonly symbol: string;

  constructor(target: Target, glob: Glob | undefined) {
    const { scope } = target;
    const lines = scope.kind === 'lines';
    this.target = target;
    this.glob = glob;
    this.start = lines ? scope.start : 1;
    this.end = lines ? lastLine(scope.end) : maxLine;
    this.symbol = scope.kind === 'symbol' ? canonicalSymbol(scope.name) : '';
    this.extent = glob === undefined ? extentOf(scope, this.start, this.end) : 'glob';
  }
}

function extentOf(scope: Scope, start: number, end: number): 'file' | 'lines' | 'symbol' {
  return scope.kind === 'lines' && start === 1 && end === maxLine ? 'file' : scope.kind;
}

/** `target` must have passed `parseTarget`, which refuses globs over the limits. */
export function compileTarget(target: Target): CompiledTarget {
  if (!isGlob(target.path)) return new CompiledTarget(target, undefined);
  const glob = compileGlob(target.path);
  assert(glob !== undefined, 'a glob over the limits got past parseTarget');
  assert(target.scope.kind === 'file', 'a glob with a scope got past parseTarget');
  return new CompiledTarget(target, glob);
}

/**
 * How two targets touch, or undefined when they cannot: `full` the same extent, `contains` one lies wholly within
 * the other (either way round), `partial` otherwise. Symmetric.
 *
 * Whether they touch is exact, but for two cases in which nobody can know here, and which count as touching: a
 * symbol and a line range of one file (`partial`), and symbols of one name but different kinds (`full`). For two
 * globs `contains` is said only when one is a whole subtree (`src/**`) or both are spelled alike; other globs
 * that touch are `partial`, even if one happens to lie within the other.
 */
export function targetsOverlap(a: Target, b: Target): Overlap | undefined {
  return compiledOverlap(compileTarget(a), compileTarget(b));
}

export function compiledOverlap(a: CompiledTarget, b: CompiledTarget): Overlap | undefined {
  return touches(a, b) ? overlapKind(a, b) : undefined;
}

function touches(a: CompiledTarget, b: CompiledTarget): boolean {
  if (a.target.project !== b.target.project) return false;
  if (a.glob !== undefined && b.glob !== undefined) return a.glob.intersects(b.glob);
  if (a.glob !== undefined) return a.glob.matches(b.target.path);
  if (b.glob !== undefined) return b.glob.matches(a.target.path);
  if (a.target.path !== b.target.path) return false;
  if (a.extent !== b.extent || a.extent === 'file') return true;
  if (a.extent === 'symbol') return symbolsOverlap(a.symbol, b.symbol) !== undefined;
  return rangesOverlap(a.start, a.end, b.start, b.end) !== undefined;
}

/** How two targets touch that are known to, as what an index finds does: saves matching globs again. */
export function overlapKind(a: CompiledTarget, b: CompiledTarget): Overlap {
  if (a.glob !== undefined && b.glob !== undefined) return globsOverlap(a.glob, b.glob);
  if (a.glob !== undefined || b.glob !== undefined) return 'contains';
  if (a.extent === 'file' || b.extent === 'file') return a.extent === b.extent ? 'full' : 'contains';
  if (a.extent !== b.extent) return 'partial';
  const overlap =
    a.extent === 'symbol'
      ? symbolsOverlap(a.symbol, b.symbol)
      : rangesOverlap(a.start, a.end, b.start, b.end);
  assert(overlap !== undefined, 'targets that do not touch have no kind of overlap');
  return overlap;
}

function globsOverlap(a: Glob, b: Glob): Overlap {
  if (a.canonical === b.canonical) return 'full';
  return liesBelow(a, b) || liesBelow(b, a) ? 'contains' : 'partial';
}

function liesBelow(outer: Glob, inner: Glob): boolean {
  return outer.isSubtree && outer.anchor.every((name, at) => inner.anchor[at] === name);
}

/** Whether two targets say the same thing in the same words. */
export function sameTarget(a: Target, b: Target): boolean {
  return a.path === b.path && a.project === b.project && sameScope(a.scope, b.scope);
}

function sameScope(a: Scope, b: Scope): boolean {
  if (a.kind === 'lines') return b.kind === 'lines' && a.start === b.start && a.end === b.end;
  if (a.kind === 'symbol') return b.kind === 'symbol' && a.symbol === b.symbol && a.name === b.name;
  return b.kind === 'file';
}

/** The target as people write it: `src/a.ts:3-9`. */
export function formatTarget(target: Target): string {
  return target.path + formatScope(target.scope);
}
