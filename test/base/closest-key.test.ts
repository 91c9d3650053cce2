import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closestKey } from '../../src/base/closest-key.ts';

describe('the closest key', () => {
  it('is equal but for case and separators, or the end of one', () => {
    assert.equal(closestKey('LOCKS_default-ttl-ms', ['port', 'locks.defaultTtlMs']), 'locks.defaultTtlMs');
    assert.equal(closestKey('defaultTtlMs', ['port', 'locks.defaultTtlMs']), 'locks.defaultTtlMs');
  });

  it('is the one that begins so, unless several do', () => {
    assert.equal(closestKey('lk_12', ['lk_999', 'lk_123456']), 'lk_123456');
    assert.equal(closestKey('lk_12', ['lk_1299999', 'lk_1234567']), undefined);
  });

  it('is two edits away at most, and letters that changed places are one edit', () => {
    assert.equal(closestKey('fsih', ['bash', 'zsh', 'fish']), 'fish');
    assert.equal(closestKey('relase', ['renew', 'release']), 'release');
    assert.equal(closestKey('retry', ['release']), undefined);
    assert.equal(closestKey('ab', ['abc']), undefined);
  });
});
