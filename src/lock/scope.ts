/** Which part of a file a claim is about, and when two parts touch. */
export type SymbolKind = 'function' | 'class' | 'method' | 'module';

/**
 * Lines are 1-based and inclusive; `end: -1` means to the end of the file and stays -1 wherever the scope is
 * stored or shown, because JSON has no infinity.
 */
export type Scope =
  | { readonly kind: 'file' }
  | { readonly kind: 'lines'; readonly start: number; readonly end: number }
  | { readonly kind: 'symbol'; readonly symbol: SymbolKind; readonly name: string };

/** How two extents touch: the same, one wholly inside the other, or neither. Symmetric. */
export type Overlap = 'partial' | 'full' | 'contains';

export const symbolKinds: readonly SymbolKind[] = ['function', 'class', 'method', 'module'];

export const wholeFile: Scope = { kind: 'file' };

/**
 * The largest line number, and the inside form of `end: -1`. 2^31 - 1 rather than Infinity, so that V8 keeps
 * line numbers as small integers; no file has that many lines, so the two cannot be told apart.
 */
export const maxLine = 2 ** 31 - 1;

/** The last line that a stored `end` stands for. */
export function lastLine(end: number): number {
  return end === -1 ? maxLine : end;
}

/** How two inclusive ranges touch, or undefined when they do not. */
export function rangesOverlap(
  aStart: number,
  aEnd: number,
  bStart: number,
  bEnd: number,
): Overlap | undefined {
  if (aStart > bEnd || bStart > aEnd) return undefined;
  if (aStart === bStart && aEnd === bEnd) return 'full';
  const aHoldsB = aStart <= bStart && bEnd <= aEnd;
  const bHoldsA = bStart <= aStart && aEnd <= bEnd;
  return aHoldsB || bHoldsA ? 'contains' : 'partial';
}

/** One spelling for `Class#method` and `Class.method`. */
export function canonicalSymbol(name: string): string {
  return name.replaceAll('#', '.');
}

/**
 * How two canonical names touch. The kind does not count: what one agent calls a function another may call a
 * method. A name that goes on after a dot (`User.save`) lies within the name before it (`User`). A bare `save` and
 * `User.save` are two names, since nothing here knows the file.
 */
export function symbolsOverlap(a: string, b: string): Overlap | undefined {
  if (a === b) return 'full';
  const [outer, inner] = a.length < b.length ? [a, b] : [b, a];
  return inner.startsWith(outer) && inner[outer.length] === '.' ? 'contains' : undefined;
}

/** The names that wholly contain `name`, outermost first: `a.b.c` gives `a`, `a.b`. */
export function enclosingSymbols(name: string): readonly string[] {
  const outer: string[] = [];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    outer.push(name.slice(0, dot));
  }
  return outer;
}

/** The scope as people read it after a path: nothing, `:3-9`, `:3-` (to the end), `#function:login`. */
export function formatScope(scope: Scope): string {
  if (scope.kind === 'file') return '';
  if (scope.kind === 'symbol') return `#${scope.symbol}:${scope.name}`;
  return `:${scope.start}-${scope.end === -1 ? '' : scope.end}`;
}
