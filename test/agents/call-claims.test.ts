import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallClaims, ownMcpTool } from '../../src/agents/call-claims.ts';
import type { AgentId } from '../../src/base/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

const [one, two] = ['claude:1' as AgentId, 'claude:2/sub' as AgentId];

test('gives a call to the agent whose hook announced it, whatever the order of its arguments, and once', () => {
  const claims = new CallClaims(new ManualClock());
  claims.expect(one, 'why', { target: 'a', deep: { x: 1, y: [2] } });
  assert.equal(claims.take('why', { target: 'b' }, undefined), undefined);
  assert.equal(claims.take('check_lock', { target: 'a', deep: { y: [2], x: 1 } }, undefined), undefined);
  assert.equal(claims.take('why', { deep: { y: [2], x: 1 }, target: 'a' }, undefined), one);
  assert.equal(claims.take('why', { deep: { y: [2], x: 1 }, target: 'a' }, undefined), undefined);
});

test('tells two sessions apart that make the same call, by what their connections know', () => {
  const claims = new CallClaims(new ManualClock());
  claims.expect(one, 'why', {});
  claims.expect(two, 'why', {});
  assert.equal(claims.take('why', {}, 'claude:2' as AgentId), two);
  assert.equal(claims.take('why', {}, 'claude:2' as AgentId), one);
});

test('forgets a call that never came', () => {
  const clock = new ManualClock();
  const claims = new CallClaims(clock);
  claims.expect(one, 'why', {});
  clock.advance(121_000);
  assert.equal(claims.take('why', {}, undefined), undefined);
});

test('knows our own tools by their names in every client', () => {
  assert.equal(ownMcpTool('mcp__agent-collab__acquire_lock'), 'acquire_lock');
  assert.equal(ownMcpTool('mcp__plugin_agent-collab_agent-collab__why'), 'why');
  for (const other of ['mcp__github__why', 'Bash', 'acquire_lock', ''])
    assert.equal(ownMcpTool(other), undefined);
});
