/** What the two parts of the delta store's contract share. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';
import type { StoredDelta } from '../../src/delta/delta.ts';
import type { DeltaStore } from '../../src/store/delta-store.ts';
import { type Author, at, type TestNode } from './store-fixture.ts';

export interface DeltaStorePlace {
  /** The node that the store belongs to. */
  readonly own: TestNode;
  /** Opens the store; a second time, after a close, it is the same one. */
  open(): Promise<DeltaStore>;
}

/** Opens a store for one test and closes it. */
export type WithStore = (
  run: (store: DeltaStore, own: Author, place: DeltaStorePlace) => Promise<void>,
) => (t: TestContext) => Promise<void>;

export function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CollabError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

export function positions(deltas: readonly StoredDelta[]): number[] {
  return deltas.map(({ position }) => position);
}

export function seqs(deltas: readonly StoredDelta[]): number[] {
  return deltas.map(({ seq }) => seq);
}

export function times(deltas: readonly StoredDelta[]): number[] {
  return deltas.map(({ time }) => time - at(0));
}
