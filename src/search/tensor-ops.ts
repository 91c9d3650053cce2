/** What is used of TensorFlow.js as `@energetic-ai/core` bundles it with its WebAssembly backend; its own types need packages that are not installed. */
import { createRequire } from 'node:module';

export interface Tensor {
  readonly shape: readonly number[];
  dataSync(): Float32Array;
}

export interface TensorOps {
  setBackend(name: 'wasm'): Promise<boolean>;
  ready(): Promise<void>;
  /** Frees every tensor made in `make` but the one that it gives back. */
  tidy(make: () => Tensor): Tensor;
  dispose(tensor: Tensor): void;
  tensor(values: Float32Array | Int32Array, shape: readonly number[], type?: 'int32'): Tensor;
  range(from: number, to: number): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, order: readonly number[]): Tensor;
  expandDims(x: Tensor, axis: number): Tensor;
  concat(parts: readonly Tensor[], axis: number): Tensor;
  split(x: Tensor, parts: number, axis: number): readonly Tensor[];
  gather(x: Tensor, at: Tensor): Tensor;
  add(a: Tensor, b: Tensor | number): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor;
  mean(x: Tensor, axis: number, keepDims: boolean): Tensor;
  square(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  softmax(x: Tensor): Tensor;
  sin(x: Tensor): Tensor;
  cos(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  readonly fused: {
    conv2d(of: {
      readonly x: Tensor;
      readonly filter: Tensor;
      readonly bias: Tensor;
      readonly strides: number;
      readonly pad: 'valid';
      readonly activation: 'linear' | 'relu';
    }): Tensor;
  };
}

/** Loads 2 MB of code and starts the backend: 60 ms. */
export async function loadTensorOps(): Promise<TensorOps> {
  const require = createRequire(import.meta.url);
  const ops = require('@energetic-ai/core') as TensorOps;
  await ops.setBackend('wasm');
  await ops.ready();
  return ops;
}
