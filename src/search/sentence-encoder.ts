/**
 * The offline provider of embeddings: the Universal Sentence Encoder, lite (Cer et al. 2018, https://arxiv.org/abs/1803.11175), whose weights
 * ship in a package. It works without a network and without a key.
 *
 * Two layers of a transformer (Vaswani et al. 2017) over pieces of words, averaged, and one dense layer. The package brings a graph
 * for it too; that spends nine tenths of its time in a product of matrices that the backend does slowly. Written as convolutions of width 1 the
 * same numbers come out, to within rounding.
 */
import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { type EmbeddingProvider, normalize, offlineModel } from './embedding-provider.ts';
import {
  type EncoderWeights,
  type Layer,
  type LayerNorm,
  type Linear,
  readEncoderWeights,
  type Vocabulary,
} from './encoder-weights.ts';
import { loadTensorOps, type Tensor, type TensorOps } from './tensor-ops.ts';

/** What stands behind it in a text has no part in its vector. */
export const maxPieces = 128;
export const offlineDimension = 512;
const heads = 4;
const epsilon = 1e-6;

interface Tokenizer {
  encode(text: string): readonly number[];
}

/** Takes some 400 ms and 120 MB: for a worker. */
export async function openSentenceEncoder(): Promise<EmbeddingProvider> {
  const ops = await loadTensorOps();
  const weights = readEncoderWeights(ops);
  const tokenizer = openTokenizer(weights.vocabulary);
  return {
    name: 'offline',
    model: offlineModel,
    maxBatch: 8,
    embed: async (texts, _purpose, signal) => {
      const vectors: Float32Array[] = [];
      for (const text of texts) {
        signal?.throwIfAborted();
        const pieces = tokenizer.encode(text.slice(0, maxPieces * maxPieceChars)).slice(0, maxPieces);
        vectors.push(pieces.length === 0 ? new Float32Array(offlineDimension) : encode(ops, weights, pieces));
        // A question that came meanwhile goes first.
        await turn();
      }
      return vectors;
    },
  };
}

/** No piece of the vocabulary is longer. */
const maxPieceChars = 16;

function openTokenizer(vocabulary: Vocabulary): Tokenizer {
  const require = createRequire(import.meta.url);
  const { EmbeddingsModel } = require('@energetic-ai/embeddings') as {
    readonly EmbeddingsModel: new (of: {
      readonly vocabulary: Vocabulary;
    }) => { readonly tokenizer: Tokenizer };
  };
  return new EmbeddingsModel({ vocabulary }).tokenizer;
}

/** @returns a vector of length 1. */
function encode(ops: TensorOps, weights: EncoderWeights, pieces: readonly number[]): Float32Array {
  const result = ops.tidy(() => {
    const embedded = ops.gather(
      weights.pieces,
      ops.tensor(Int32Array.from(pieces), [pieces.length], 'int32'),
    );
    const angles = ops.mul(ops.expandDims(ops.range(0, pieces.length), 1), weights.frequencies);
    const places = ops.concat([ops.sin(angles), ops.cos(angles)], 1);
    // The model adds the pieces to their sum with the places: they count twice.
    let input = ops.add(ops.mul(embedded, 2), places);
    let residual = linear(ops, input, weights.residual);
    for (const layer of weights.layers) {
      residual = ops.add(attend(ops, normed(ops, input, layer.beforeAttention), layer), residual);
      const wide = linear(ops, normed(ops, residual, layer.beforeForward), layer.widen, 'relu');
      residual = ops.add(linear(ops, wide, layer.narrow), residual);
      input = residual;
    }
    return ops.tanh(linear(ops, ops.mean(residual, 0, true), weights.sentence));
  });
  const vector = Float32Array.from(result.dataSync());
  ops.dispose(result);
  return normalize(vector);
}

function linear(
  ops: TensorOps,
  x: Tensor,
  { filter, bias }: Linear,
  activation: 'linear' | 'relu' = 'linear',
): Tensor {
  const [rows = 0, width = 0] = x.shape;
  const image = ops.reshape(x, [1, rows, 1, width]);
  const mapped = ops.fused.conv2d({ x: image, filter, bias, strides: 1, pad: 'valid', activation });
  return ops.reshape(mapped, [rows, filter.shape[3] ?? 0]);
}

function normed(ops: TensorOps, x: Tensor, { scale, bias }: LayerNorm): Tensor {
  const centred = ops.sub(x, ops.mean(x, 1, true));
  const deviation = ops.rsqrt(ops.add(ops.mean(ops.square(centred), 1, true), epsilon));
  return ops.add(ops.mul(ops.mul(centred, deviation), scale), bias);
}

function attend(ops: TensorOps, x: Tensor, { queryKeyValue, attended }: Layer): Tensor {
  const [rows = 0] = x.shape;
  const [query, key, value] = ops
    .split(linear(ops, x, queryKeyValue), 3, 1)
    .map((part) => ops.transpose(ops.reshape(part, [rows, heads, (part.shape[1] ?? 0) / heads]), [1, 0, 2]));
  if (query === undefined || key === undefined || value === undefined)
    throw new Error('split gave no three parts');
  const scaled = ops.mul(query, 1 / Math.sqrt(query.shape[2] ?? 1));
  const shares = ops.softmax(ops.matMul(scaled, key, false, true));
  const mixed = ops.transpose(ops.matMul(shares, value, false, false), [1, 0, 2]);
  return linear(ops, ops.reshape(mixed, [rows, heads * (value.shape[2] ?? 0)]), attended);
}
