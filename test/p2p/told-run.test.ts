import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import { maxToldMembers } from '../../src/p2p/limits.ts';
import { encodeRun } from '../../src/p2p/run.ts';
import { decodeToldRun, encodeToldRun, messageIdentity, runTag } from '../../src/p2p/told-run.ts';
import { Identity } from './identity.ts';

const author = new Identity();
const run = author.run([author.body(1, { path: 'a' })]);
const nodes = Array.from({ length: 5 }, () => new Identity().node);

test('a run comes back as it was told, and knows whom its author has told', () => {
  const [ann, bob, carl, ...others] = nodes;
  assert.ok(ann !== undefined && bob !== undefined && carl !== undefined);
  const decoded = decodeToldRun(encodeToldRun(run, [ann, bob, carl]));
  assert.deepEqual(encodeRun(decoded?.run ?? run), encodeRun(run));
  assert.deepEqual(
    nodes.map((node) => decoded?.told.has(node)),
    [true, true, true, false, false],
  );
  assert.equal(decodeToldRun(encodeToldRun(run, []))?.told.has(ann), false);
  assert.equal(others.length, 2);
});

test('more names than a message has room for are left out', () => {
  const [ann, bob] = nodes;
  assert.ok(ann !== undefined && bob !== undefined);
  const many = [...new Array(maxToldMembers).fill(ann), bob];
  assert.equal(decodeToldRun(encodeToldRun(run, many))?.told.has(bob), false);
});

test('what cannot have been written so is refused', () => {
  const whole = encodeToldRun(run, nodes);
  for (let length = 0; length < whole.length; length += 1)
    assert.equal(decodeToldRun(whole.subarray(0, length)), undefined, `${length} bytes of it`);
  assert.equal(decodeToldRun(Buffer.concat([whole, Buffer.of(0)])), undefined);
  const crowd = Buffer.alloc(2 + 4 * (maxToldMembers + 1));
  crowd.writeUInt16LE(maxToldMembers + 1);
  assert.equal(decodeToldRun(Buffer.concat([crowd, encodeRun(run)])), undefined);
});

test('names make no other message of a run, and what is cut off or no run is one of its own', () => {
  const message = (told: readonly NodeId[]) => Buffer.concat([Buffer.of(runTag), encodeToldRun(run, told)]);
  const identity = (bytes: Uint8Array) => Buffer.concat(messageIdentity(bytes)).toString('hex');
  assert.equal(identity(message(nodes)), identity(message([])));
  const other = encodeToldRun(author.run([author.body(1, { path: 'b' })]), nodes);
  assert.notEqual(identity(Buffer.concat([Buffer.of(runTag), other])), identity(message(nodes)));
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.of(runTag),
    Buffer.of(runTag, 9),
    Buffer.of(2, 1, 0, 1, 2, 3, 4),
  ])
    assert.equal(identity(bytes), bytes.toString('hex'));
});
