/**
 * Globs over repository paths: `*` and `?` stay within a segment, `**` as a whole segment spans any number of
 * them, `{a,b}` chooses. `[` and `]` are literal, because `[id].tsx` is a common file name; so are braces without
 * a comma or without a partner. A `**` at the end stands for at least one segment: `src/auth/**` covers everything
 * below `src/auth` and not `src/auth` itself, which would be a file and no directory.
 *
 * A glob is expanded into its alternatives, each a sequence of segment patterns. Matching a path runs the
 * sequences as a nondeterministic automaton (Thompson 1968); whether two globs share a path is decided exactly by
 * dynamic programming over pairs of positions. Both are polynomial, whatever the pattern.
 */

/** Paths that the braces of one glob may expand to. Each is one more sequence to run against every path. */
export const maxGlobAlternatives = 64;
/** Characters of one glob: brace parsing is quadratic in it. */
export const maxGlobChars = 1024;
/** Characters of all alternatives together: comparing two globs costs at most the product of both sums. */
const maxGlobExpandedChars = 4096;

const spanning = '**';
const anyRun = '*';
const anyOne = '?';

interface Segment {
  /** Runs of `*` are one `*`. */
  readonly text: string;
  readonly isPlain: boolean;
  /** The code points of `text`. */
  readonly units: readonly string[];
}

/** A sequence ends with `undefined`, so that several fit into one array. */
type Step = typeof spanning | Segment | undefined;

export function isGlob(path: string): boolean {
  return path === '.' || (/[*?{]/.test(path) && (/[*?]/.test(path) || findChoice(path) !== undefined));
}

/** The glob that `pattern` writes, or undefined when it is over one of the limits above. `.` is the whole project. */
export function compileGlob(pattern: string): Glob | undefined {
  if (pattern.length > maxGlobChars) return undefined;
  const expanded = expandBraces(pattern === '.' ? spanning : pattern);
  if (expanded === undefined) return undefined;
  const alternatives = [...new Set(expanded.map(dropEmptySegments).filter((path) => path !== ''))].sort();
  const chars = alternatives.reduce((sum, path) => sum + path.length, 0);
  return alternatives.length === 0 || chars > maxGlobExpandedChars ? undefined : new Glob(alternatives);
}

export class Glob {
  /** The alternatives in a fixed order: equal for two spellings of the same choice. */
  readonly canonical: string;
  /** Leading segments without wildcards that all alternatives share; at least one segment follows them. */
  readonly anchor: readonly string[];
  /** Every path below the anchor matches. */
  readonly isSubtree: boolean;
  readonly #sequences: readonly (readonly Step[])[];
  readonly #steps: readonly Step[];
  readonly #starts: readonly number[];

  constructor(alternatives: readonly string[]) {
    this.canonical = alternatives.join('\n');
    this.#sequences = alternatives.map(parseSequence);
    this.#steps = this.#sequences.flatMap((sequence) => [...sequence, undefined]);
    const starts: number[] = [];
    let offset = 0;
    for (const sequence of this.#sequences) {
      this.#enter(offset, starts);
      offset += sequence.length + 1;
    }
    this.#starts = starts;
    this.anchor = commonAnchor(this.#sequences);
    this.isSubtree = this.#sequences.length === 1 && alternatives[0] === [...this.anchor, spanning].join('/');
  }

  matches(path: string): boolean {
    let states = this.#starts;
    for (const segment of path.split('/')) states = this.advance(states, segment);
    return this.accepts(states);
  }

  /** The automaton's states in front of the first segment after the anchor. */
  statesAtAnchor(): readonly number[] {
    return this.anchor.reduce((states, segment) => this.advance(states, segment), this.#starts);
  }

  /** The states after one more segment; empty when no path that begins like this can match. */
  advance(states: readonly number[], segment: string): readonly number[] {
    const after: number[] = [];
    for (const state of states) {
      const step = this.#steps[state];
      if (step === spanning) this.#enter(state, after);
      else if (step !== undefined && segmentMatches(step, segment)) this.#enter(state + 1, after);
    }
    return after;
  }

  /** Whether the path that led to these states is matched. */
  accepts(states: readonly number[]): boolean {
    return states.some((state) => this.#steps[state] === undefined);
  }

  /** Whether some path is matched by both. */
  intersects(other: Glob): boolean {
    return this.#sequences.some((mine) =>
      other.#sequences.some((theirs) => shareWord(mine, theirs, spanning, stepsMeet)),
    );
  }

  #enter(state: number, into: number[]): void {
    for (let at = state; ; at += 1) {
      if (!into.includes(at)) into.push(at);
      if (this.#steps[at] !== spanning) return;
    }
  }
}

function parseSequence(path: string): readonly Step[] {
  const segments = path.split('/');
  const steps: Step[] = segments.map((text) => (text === spanning ? spanning : parseSegment(text)));
  // At least one segment at the end: any number of them, then one more.
  if (segments.at(-1) === spanning) steps.push(parseSegment(anyRun));
  return steps;
}

function parseSegment(raw: string): Segment {
  const text = raw.replace(/\*+/g, anyRun);
  return { text, isPlain: !/[*?]/.test(text), units: [...text] };
}

function commonAnchor(sequences: readonly (readonly Step[])[]): readonly string[] {
  const anchor: string[] = [];
  const first = sequences[0] ?? [];
  for (let at = 0; sequences.every((sequence) => at < sequence.length - 1); at += 1) {
    const name = plainText(first[at]);
    if (name === undefined || !sequences.every((sequence) => plainText(sequence[at]) === name)) break;
    anchor.push(name);
  }
  return anchor;
}

function plainText(step: Step): string | undefined {
  return typeof step === 'object' && step.isPlain ? step.text : undefined;
}

/**
 * Backtracks to the newest `*` only, which is enough for a pattern without alternatives: O(pattern × text). Works on
 * the strings as they are, because it runs for every path that a glob is compared with.
 */
function segmentMatches({ text: pattern, isPlain }: Segment, text: string): boolean {
  if (isPlain) return pattern === text;
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let unit = 0; unit < text.length; ) {
    if (pattern[at] === anyRun) {
      star = at;
      resume = unit;
      at += 1;
    } else if (pattern[at] === anyOne) {
      at += 1;
      unit += isPair(text, unit) ? 2 : 1;
    } else if (pattern[at] === text[unit]) {
      at += 1;
      unit += 1;
    } else if (star !== -1) {
      resume += 1;
      unit = resume;
      at = star + 1;
    } else {
      return false;
    }
  }
  if (pattern[at] === anyRun) at += 1;
  return at === pattern.length;
}

/** Whether a code point of two UTF-16 units begins at `at`. */
function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff;
}

function stepsMeet(a: Step, b: Step): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (a.isPlain) return segmentMatches(b, a.text);
  if (b.isPlain) return segmentMatches(a, b.text);
  return shareWord(a.units, b.units, anyRun, unitsMeet);
}

function unitsMeet(a: string, b: string): boolean {
  return a === b || a === anyOne || b === anyOne;
}

/**
 * Whether two patterns have a word in common, where `any` in a pattern stands for any run of letters. Row `i`,
 * column `j` says whether the rest of `a` from `i` and the rest of `b` from `j` have one: O(a × b).
 */
function shareWord<T>(a: readonly T[], b: readonly T[], any: T, meet: (x: T, y: T) => boolean): boolean {
  let below = new Uint8Array(b.length + 1);
  let row = new Uint8Array(b.length + 1);
  for (let i = a.length; i >= 0; i -= 1) {
    for (let j = b.length; j >= 0; j -= 1) {
      row[j] = pairShares(i, j) ? 1 : 0;
    }
    [below, row] = [row, below];
  }
  return below[0] === 1;

  function pairShares(i: number, j: number): boolean {
    if (i === a.length && j === b.length) return true;
    if (i < a.length && a[i] === any && (below[j] === 1 || (j < b.length && row[j + 1] === 1))) return true;
    if (j < b.length && b[j] === any && (row[j + 1] === 1 || (i < a.length && below[j] === 1))) return true;
    if (i === a.length || j === b.length || a[i] === any || b[j] === any) return false;
    return below[j + 1] === 1 && meet(a[i] as T, b[j] as T);
  }
}

interface Choice {
  readonly before: string;
  readonly options: readonly string[];
  readonly after: string;
}

/** All texts that the braces choose between, or undefined when there are more than `maxGlobAlternatives`. */
function expandBraces(pattern: string): readonly string[] | undefined {
  const choice = findChoice(pattern);
  if (choice === undefined) return [pattern];
  const tails = expandBraces(choice.after);
  if (tails === undefined) return undefined;
  const texts: string[] = [];
  for (const option of choice.options) {
    const heads = expandBraces(option);
    if (heads === undefined || texts.length + heads.length * tails.length > maxGlobAlternatives)
      return undefined;
    for (const head of heads) {
      for (const tail of tails) texts.push(choice.before + head + tail);
    }
  }
  return texts;
}

/** The first brace that has a partner and a comma of its own; braces inside it are left for the next round. */
function findChoice(pattern: string): Choice | undefined {
  for (let open = pattern.indexOf('{'); open !== -1; open = pattern.indexOf('{', open + 1)) {
    const options: string[] = [];
    let depth = 0;
    let from = open + 1;
    for (let at = open; at < pattern.length; at += 1) {
      const letter = pattern[at];
      if (letter === '{') depth += 1;
      if (letter === '}') depth -= 1;
      if ((letter === ',' && depth === 1) || depth === 0) {
        options.push(pattern.slice(from, at));
        from = at + 1;
      }
      if (depth === 0) break;
    }
    if (depth === 0 && options.length > 1) {
      return { before: pattern.slice(0, open), options, after: pattern.slice(from) };
    }
  }
  return undefined;
}

/** `a/{,b/}c` expands to `a/c`, never to `a//c`. */
function dropEmptySegments(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .join('/');
}
