import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commitAgain } from '../../src/store/commit-again.ts';
import { storeError } from '../../src/store/store-error.ts';

const badTransaction = Object.assign(new Error('MDB_BAD_TXN: Transaction must abort'), { code: -30782 });

function failing(times: number, error: unknown) {
  let runs = 0;
  return () => {
    runs += 1;
    if (runs <= times) throw storeError(error, 'the-store');
    return runs;
  };
}

describe('a transaction that LMDB gives up for no reason of ours', () => {
  it('is run again', () => {
    assert.equal(commitAgain(failing(2, badTransaction)), 3);
  });

  it('is given up in the end, as what it is', () => {
    assert.throws(() => commitAgain(failing(3, badTransaction)), {
      code: 'STORE_UNAVAILABLE',
      message: /MDB_BAD_TXN/,
    });
  });

  it('is not run again for any other reason', () => {
    const full = Object.assign(new Error('no space'), { code: 28 });
    assert.throws(() => commitAgain(failing(1, full)), { code: 'STORE_UNAVAILABLE', message: /ENOSPC/ });
  });
});
