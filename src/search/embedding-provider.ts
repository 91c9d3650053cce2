/** The port behind which texts become vectors: the offline encoder, or a service over HTTP. */

/** Several services embed what is searched for in another way than what is searched. */
export type EmbeddingPurpose = 'document' | 'query';

export interface EmbeddingProvider {
  /** `offline`, `openai`, `voyage`, `google` or `ollama`. */
  readonly name: string;
  /** Vectors of two models are never compared. */
  readonly model: string;
  /** Texts of one `embed` at the most. */
  readonly maxBatch: number;
  /**
   * @returns one vector of length 1 for each text, in their order, all of one dimension.
   * @throws EMBEDDING_FAILED when there is none, with the reason and without any key; the reason of `signal` once that is aborted.
   */
  embed(
    texts: readonly string[],
    purpose: EmbeddingPurpose,
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]>;
}

/** Of the encoder that ships with the program. */
export const offlineModel = 'universal-sentence-encoder-lite-en-1';

/** Scales a vector to length 1, in place; one of zeros stays. */
export function normalize(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum);
  if (length > 0) for (let at = 0; at < vector.length; at += 1) vector[at] = (vector[at] ?? 0) / length;
  return vector;
}
