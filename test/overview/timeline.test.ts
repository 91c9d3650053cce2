import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditView, DeltaView } from '../../src/control/results.ts';
import { Timeline } from '../../src/overview/timeline.ts';
import { fakeDelta } from '../web/fake-control-service.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const audit = (second: number, rest: Partial<AuditView>): AuditView => ({
  at: at(second),
  cursor: second,
  action: 'acquired',
  node: 'n',
  ...rest,
});
const delta = (second: number, rest: Partial<DeltaView>): DeltaView => ({
  ...fakeDelta(second),
  time: at(second),
  ...rest,
});

test('events and deltas stand in one order, the newest first, each once', () => {
  const timeline = new Timeline();
  timeline.addAudit([audit(5, { holder: 'ann', targets: ['a.ts'], intention: 'login' })]);
  timeline.addDeltas([delta(4, { type: 'context', payload: { path: 'b.ts', content: 'five\n retries' } })]);
  timeline.addAudit([audit(5, {}), audit(3, { action: 'released', holder: 'bob', holderName: 'Bob' })]);
  assert.deepEqual(
    timeline.entries.map(({ at: when, what, agent, targets, text }) => [when, what, agent, targets, text]),
    [
      [at(5), 'acquired', 'ann', ['a.ts'], 'login'],
      [at(4), 'context', 'a', ['b.ts'], 'five retries'],
      [at(3), 'released', 'Bob', [], ''],
    ],
  );
});

test('says why a claim was denied, and by whom a lease was forced', () => {
  const timeline = new Timeline();
  timeline.addAudit([
    audit(1, { action: 'denied', intention: 'fix', metadata: { reason: 'held', blockedBy: 'ann' } }),
    audit(2, { action: 'denied', intention: 'fix', metadata: { reason: 'deadlock' } }),
    audit(3, { action: 'forced', intention: 'fix', metadata: { by: 'me', reason: 'it hung' } }),
  ]);
  assert.deepEqual(
    timeline.entries.map(({ text }) => text),
    ['fix (it hung, by me)', 'fix (deadlock)', 'fix (held by ann)'],
  );
});

test('leaves out what is no news, and survives payloads of any form', () => {
  const timeline = new Timeline();
  timeline.addAudit([audit(1, { action: 'renewed' })]);
  timeline.addDeltas([
    delta(2, { type: 'usage' }),
    delta(3, { type: 'lock_acquired' }),
    delta(4, { type: 'custom', payload: { path: 7, content: { deep: true } } }),
    delta(5, { type: 'file_change', payload: { path: 'x'.repeat(5000), change: 'edit' } }),
    delta(6, { type: 'context', payload: { content: 'y'.repeat(100_000) } }),
  ]);
  assert.deepEqual(
    timeline.entries.map(({ what, targets, text }) => [what, targets.length, text.length]),
    [
      ['context', 0, 300],
      ['file_change', 1, 4],
      ['custom', 0, 0],
    ],
  );
});

test('keeps the newest hundred', () => {
  const timeline = new Timeline();
  timeline.addAudit(Array.from({ length: 250 }, (_, second) => audit(second, {})));
  assert.deepEqual([timeline.entries.length, timeline.entries.at(-1)?.at], [100, at(150)]);
  timeline.clear();
  assert.deepEqual(timeline.entries, []);
});
