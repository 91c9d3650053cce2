/** The records that every bench works on: those of the BadgerDB figures in SPEC §15, 300 bytes and 1 KiB of JSON from 8 sources. */
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { type HlcTime, hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, LockId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { type Delta, deltaId } from '../../src/delta/delta.ts';
import { emptyVector } from '../../src/delta/version-vector.ts';
import { NodeKey } from '../../src/home/node-key.ts';

/** The node of every bench: the same key in each run, so that its work has the same checksum. */
export const nodeKey = NodeKey.fromSeed(new Uint8Array(32).fill(7));

/** The first is the bench's own node. */
export const sources: readonly NodeId[] = [
  nodeKey.nodeId,
  ...Array.from({ length: 7 }, (_, at) => nodeIdFromPublicKey(new Uint8Array(32).fill(at + 1))),
];

const project = 'github.com/acme/app' as ProjectId;
const startMs = Date.UTC(2026, 0, 1);

export interface Shape {
  /** Of the payload's JSON. @default 300 */
  readonly bytes?: number;
  /** Text as people write it, or none that any compression shortens. @default 'compressible' */
  readonly text?: 'compressible' | 'incompressible';
}

const sentence = 'The token is renewed before it ends, see renew(). ';

/** As an agent would share them. `at` makes each one different. */
export function payload(at: number, { bytes = 300, text = 'compressible' }: Shape = {}) {
  const path = `src/module-${at % 97}/file-${at % 1009}.ts`;
  const base = { path, content: '', tags: ['auth', 'session'], line: at };
  const missing = Math.max(0, bytes - JSON.stringify(base).length);
  const content =
    text === 'compressible'
      ? sentence.repeat(Math.ceil(missing / sentence.length)).slice(0, missing)
      : noise(at, missing);
  return { ...base, content };
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Six random bits a character (xorshift32, Marsaglia 2003), the same for the same `seed`. */
function noise(seed: number, length: number): string {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  let text = '';
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    text += letters[state & 63];
  }
  return text;
}

export function deltaOf(source: NodeId, seq: number, at: number, shape?: Shape): Delta {
  return {
    id: deltaId(source, seq),
    source,
    seq,
    time: timeOf(at),
    agent: `claude:session-${at % 5}` as AgentId,
    project,
    type: 'context',
    deps: emptyVector,
    payload: payload(at, shape),
  };
}

/** Of the trail of many agents, each at a time of its own. */
export function eventOf(at: number): AuditEvent {
  return {
    at: (timeOf(0) + at) as HlcTime,
    action: 'acquired',
    node: nodeKey.nodeId,
    lock: `lk_${at}` as LockId,
    fence: at,
    holder: `claude:session-${at % 100}` as AgentId,
    project,
    targets: [`src/module-${at % 97}/file-${at % 1009}.ts:10-20`],
    intention: 'extract the session handling',
  };
}

/** Of the `at`-th record: four a millisecond. */
export function timeOf(at: number): HlcTime {
  return ((hlcFromMs(startMs) as number) + at * 4) as HlcTime;
}

/** The `at`-th record of a log that all sources write to in turn. */
function recordOf(at: number, shape?: Shape): Delta {
  return deltaOf(sourceOf(at), Math.floor(at / sources.length) + 1, at, shape);
}

export function sourceOf(at: number): NodeId {
  return sources[at % sources.length] ?? nodeKey.nodeId;
}

/** Records `from` … `from + count - 1`. */
export function recordsOf(from: number, count: number, shape?: Shape): readonly Delta[] {
  return Array.from({ length: count }, (_, offset) => recordOf(from + offset, shape));
}
