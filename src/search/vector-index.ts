/** Vectors of length 1, compared with every one: exact, and for 10 000 of 512 numbers a matter of 5 ms. */

/** Rows of one block of memory. */
const blockRows = 1024;

export interface VectorHit {
  readonly owner: string;
  /** The cosine of the angle to the vector that was asked for, of the owner's nearest vector. */
  readonly similarity: number;
}

export class VectorIndex {
  readonly dimension: number;
  /** Shared memory: another thread may be given it to search without a copy. */
  readonly #blocks: Float32Array[] = [];
  /** Whose the rows are; a row of nobody is used again. */
  readonly #owners: (string | undefined)[] = [];
  readonly #rows = new Map<string, number[]>();
  readonly #free: number[] = [];

  constructor(dimension: number) {
    this.dimension = dimension;
  }

  /** Rows in use. */
  get size(): number {
    return this.#owners.length - this.#free.length;
  }

  /** @throws RangeError when the vector has another dimension. */
  add(owner: string, vector: Float32Array): void {
    if (vector.length !== this.dimension)
      throw new RangeError(`a vector of ${vector.length} numbers among those of ${this.dimension}`);
    const row = this.#free.pop() ?? this.#owners.length;
    const block = Math.floor(row / blockRows);
    this.#blocks[block] ??= new Float32Array(new SharedArrayBuffer(4 * blockRows * this.dimension));
    this.#blocks[block].set(vector, (row % blockRows) * this.dimension);
    this.#owners[row] = owner;
    const rows = this.#rows.get(owner);
    if (rows === undefined) this.#rows.set(owner, [row]);
    else rows.push(row);
  }

  remove(owner: string): void {
    for (const row of this.#rows.get(owner) ?? []) {
      this.#owners[row] = undefined;
      this.#free.push(row);
    }
    this.#rows.delete(owner);
  }

  /** The nearest owners first, each once. */
  search(vector: Float32Array, accept: (owner: string) => boolean, limit: number): readonly VectorHit[] {
    const nearest: { owner: string; similarity: number }[] = [];
    const accepted = new Map<string, boolean>();
    const similarities = new Float32Array(blockRows);
    this.#blocks.forEach((block, nth) => {
      products(block, vector, similarities);
      const rows = Math.min(blockRows, this.#owners.length - nth * blockRows);
      for (let row = 0; row < rows; row += 1) {
        const similarity = similarities[row] as number;
        const least = nearest.length < limit ? Number.NEGATIVE_INFINITY : (nearest.at(-1)?.similarity ?? 0);
        if (similarity <= least) continue;
        const owner = this.#owners[nth * blockRows + row];
        if (owner === undefined) continue;
        let isAccepted = accepted.get(owner);
        if (isAccepted === undefined) {
          isAccepted = accept(owner);
          accepted.set(owner, isAccepted);
        }
        if (isAccepted) insert(nearest, { owner, similarity }, limit);
      }
    });
    return nearest;
  }

  *entries(): Iterable<{ readonly owner: string; readonly nth: number; readonly vector: Float32Array }> {
    for (const [owner, rows] of this.#rows)
      for (const [nth, row] of rows.entries()) {
        const start = (row % blockRows) * this.dimension;
        const block = this.#blocks[Math.floor(row / blockRows)] as Float32Array;
        yield { owner, nth, vector: block.slice(start, start + this.dimension) };
      }
  }
}

/** The product of a vector with each row of a block. Four sums at a time: one alone would wait for itself at each step. */
function products(block: Float32Array, vector: Float32Array, into: Float32Array): void {
  const dimension = vector.length;
  const even = dimension - (dimension % 4);
  for (let row = 0, start = 0; row < into.length; row += 1, start += dimension) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let at = 0; at < even; at += 4) {
      a += (block[start + at] as number) * (vector[at] as number);
      b += (block[start + at + 1] as number) * (vector[at + 1] as number);
      c += (block[start + at + 2] as number) * (vector[at + 2] as number);
      d += (block[start + at + 3] as number) * (vector[at + 3] as number);
    }
    for (let at = even; at < dimension; at += 1) a += (block[start + at] as number) * (vector[at] as number);
    into[row] = a + b + c + d;
  }
}

function insert(nearest: { owner: string; similarity: number }[], hit: VectorHit, limit: number): void {
  const known = nearest.findIndex(({ owner }) => owner === hit.owner);
  if (known !== -1) {
    if ((nearest[known]?.similarity ?? 0) >= hit.similarity) return;
    nearest.splice(known, 1);
  }
  let at = nearest.length;
  while (at > 0 && (nearest[at - 1]?.similarity ?? 0) < hit.similarity) at -= 1;
  nearest.splice(at, 0, { ...hit });
  if (nearest.length > limit) nearest.pop();
}
