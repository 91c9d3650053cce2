import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { auditActions } from '../../src/audit/audit-action.ts';
import {
  type AuditEvent,
  decodeAuditEvent,
  encodeAuditEvent,
  maxAuditBytes,
} from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, LockId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { maxPathBytes, maxTargets } from '../../src/base/limits.ts';
import { encodeCbor } from '../../src/codec/cbor.ts';
import { checksum } from '../../src/codec/checksum.ts';
import { refusesGarbage } from '../delta/garbage.ts';
import { testSeed } from '../support/seed.ts';

const at = (2 ** 50 + 3) as HlcTime;
const full: AuditEvent = {
  at,
  action: 'forced',
  node: 'node' as NodeId,
  lock: 'lock' as LockId,
  fence: 2 ** 40,
  holder: 'claude:ä' as AgentId,
  holderName: 'Änne',
  project: 'github.com/acme/app' as ProjectId,
  targets: ['src/a.ts:1-5', 'src/b.ts'],
  intention: 'mend it',
  metadata: { reason: 'stale', n: { deep: [1, null] } },
};

describe('an audit event', () => {
  it('comes back as it was, for every action, full and bare', () => {
    for (const action of auditActions) {
      const event = { ...full, action };
      assert.deepEqual(decodeAuditEvent(at, encodeAuditEvent(event)), event);
      const bare = { at, action, node: full.node };
      assert.deepEqual(decodeAuditEvent(at, encodeAuditEvent(bare)), bare);
    }
  });

  it('takes a claim of the most targets with the longest paths', () => {
    const event = { ...full, targets: Array.from({ length: maxTargets }, () => 'p'.repeat(maxPathBytes)) };
    const frame = encodeAuditEvent(event);
    assert.ok(frame.length <= maxAuditBytes);
    assert.deepEqual(decodeAuditEvent(at, frame), event);
  });

  it('is refused under another key, with a flipped bit, cut, empty or too large', () => {
    const frame = encodeAuditEvent(full);
    assert.throws(() => decodeAuditEvent(at + 1, frame), { code: 'STORE_DAMAGED' });
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => decodeAuditEvent(at, flipped), { code: 'STORE_DAMAGED' });
    }
    for (let length = 0; length < frame.length; length++)
      assert.throws(() => decodeAuditEvent(at, frame.subarray(0, length)), { code: 'STORE_DAMAGED' });
    assert.throws(() => decodeAuditEvent(at, new Uint8Array(maxAuditBytes + 1)), { code: 'STORE_DAMAGED' });
  });

  it('is refused with a right checksum but a field of the wrong form', () => {
    const fields = [1, at, 0, 'node', null, null, null, null, null, null, null, null];
    const seal = (shape: unknown) => {
      const body = encodeCbor(shape);
      const frame = Buffer.alloc(4 + body.length);
      frame.set(body, 4);
      frame.writeUInt32LE(checksum(at, body), 0);
      return frame;
    };
    assert.equal(decodeAuditEvent(at, seal(fields)).action, 'acquired');
    const wrong: readonly (readonly unknown[])[] = [
      [0, 2],
      [at + 1, 'x', null, -1],
      [-1, auditActions.length, 0.5, 'forced', null],
      [7, null],
      [7],
      ['1', 1.5],
      [7],
      [7],
      [7],
      ['a', [7], {}],
      [7],
      ['a', [1], 7],
    ];
    for (const [index, values] of wrong.entries())
      for (const value of values) {
        const shape = fields.map((field, i) => (i === index ? value : field));
        assert.throws(() => decodeAuditEvent(at, seal(shape)), { code: 'STORE_DAMAGED' }, `field ${index}`);
      }
    for (const shape of [fields.slice(1), [...fields, 1], {}, null, 7])
      assert.throws(() => decodeAuditEvent(at, seal(shape)), { code: 'STORE_DAMAGED' });
  });

  it('refuses garbage with STORE_DAMAGED and nothing else, also behind a right checksum', (t) => {
    const frame = encodeAuditEvent(full);
    refusesGarbage(t, testSeed(), frame, (bytes) => decodeAuditEvent(at, bytes));
    refusesGarbage(t, testSeed(), frame.subarray(4), (body) => {
      const sealed = Buffer.alloc(4 + body.length);
      sealed.set(body, 4);
      sealed.writeUInt32LE(checksum(at, body), 0);
      return decodeAuditEvent(at, sealed);
    });
  });
});
