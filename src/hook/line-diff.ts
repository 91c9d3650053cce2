/** The difference of two texts by lines (Myers, "An O(ND) difference algorithm and its variations", 1986). */

/** From `startLine` (1-based, of the text before) `removedLines` lines made way for `addedLines` lines. */
export interface LineHunk {
  readonly startLine: number;
  readonly removedLines: number;
  readonly addedLines: number;
}

/** Edit steps that are searched for; texts that differ more are one hunk. Bounds the work to about 10 ms. */
const maxSteps = 600;

/** Lines without their breaks. A break at the end ends the last line and begins none. */
export function splitLines(text: string): readonly string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

/** In order, apart from each other; empty when the texts have the same lines. */
export function lineHunks(before: string, after: string): readonly LineHunk[] {
  if (before === after) return [];
  const a = splitLines(before);
  const b = splitLines(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail += 1;
  const middleA = a.slice(head, a.length - tail);
  const middleB = b.slice(head, b.length - tail);
  if (middleA.length === 0 && middleB.length === 0) return [];
  const trace = searchScript(middleA, middleB);
  if (trace === undefined)
    return [{ startLine: head + 1, removedLines: middleA.length, addedLines: middleB.length }];
  return hunksOf(trace, middleA.length, middleB.length, head);
}

/** The furthest reaching points by number of steps, or undefined when there are too many. */
function searchScript(a: readonly string[], b: readonly string[]): readonly Int32Array[] | undefined {
  const most = Math.min(a.length + b.length, maxSteps);
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let steps = 0; steps <= most; steps += 1) {
    trace.push(reach.slice());
    for (let k = -steps; k <= steps; k += 2) {
      const at = k + most + 1;
      const down = k === -steps || (k !== steps && (reach[at - 1] ?? 0) < (reach[at + 1] ?? 0));
      let x = down ? (reach[at + 1] ?? 0) : (reach[at - 1] ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach[at] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return undefined;
}

/** Walks the trace back and joins steps that touch. */
function hunksOf(
  trace: readonly Int32Array[],
  aLength: number,
  bLength: number,
  head: number,
): readonly LineHunk[] {
  const middle = ((trace[0]?.length ?? 3) - 1) / 2;
  const hunks: { start: number; removed: number; added: number }[] = [];
  let [x, y] = [aLength, bLength];
  for (let steps = trace.length - 1; steps > 0; steps -= 1) {
    const reach = trace[steps];
    const k = x - y;
    const at = k + middle;
    const down = k === -steps || (k !== steps && (reach?.[at - 1] ?? 0) < (reach?.[at + 1] ?? 0));
    const fromX = reach?.[down ? at + 1 : at - 1] ?? 0;
    const fromY = fromX - (down ? k + 1 : k - 1);
    const last = hunks.at(-1);
    // After the step the two texts went on alike up to (x, y): a hunk of its own begins before that.
    const [stepX, stepY] = down ? [fromX, fromY + 1] : [fromX + 1, fromY];
    const touches = last !== undefined && stepX === last.start && x === stepX && y === stepY;
    if (touches) {
      last.start = fromX;
      last.removed += down ? 0 : 1;
      last.added += down ? 1 : 0;
    } else hunks.push({ start: fromX, removed: down ? 0 : 1, added: down ? 1 : 0 });
    [x, y] = [fromX, fromY];
  }
  return hunks.reverse().map(({ start, removed, added }) => ({
    startLine: head + start + 1,
    removedLines: removed,
    addedLines: added,
  }));
}
