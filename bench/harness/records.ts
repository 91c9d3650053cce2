/** The records that every bench works on: those of the BadgerDB figures in SPEC §15. */
import { type HlcTime, hlcFromMs } from '../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../src/codec/node-id.ts';
import { type Delta, deltaId } from '../src/delta/delta.ts';
import { emptyVector } from '../src/delta/version-vector.ts';

export const sources: readonly NodeId[] = Array.from({ length: 8 }, (_, at) =>
  nodeIdFromPublicKey(new Uint8Array(32).fill(at + 1)),
);

const project = 'github.com/acme/app' as ProjectId;
const startMs = Date.UTC(2026, 0, 1);

/** 300 bytes of JSON, as an agent would share them. `at` makes each one different. */
export function payload(at: number): Readonly<Record<string, unknown>> {
  const path = `src/module-${at % 97}/file-${at % 1009}.ts`;
  const base = { path, content: '', tags: ['auth', 'session'], line: at };
  const missing = 300 - JSON.stringify(base).length;
  return {
    ...base,
    content: 'The token is renewed before it ends, see renew(). '.repeat(6).slice(0, Math.max(0, missing)),
  };
}

export function deltaOf(source: NodeId, seq: number, at: number): Delta {
  return {
    id: deltaId(source, seq),
    source,
    seq,
    time: ((hlcFromMs(startMs) as number) + at * 4) as HlcTime,
    agent: `claude:session-${at % 5}` as AgentId,
    project,
    type: 'context',
    deps: emptyVector,
    payload: payload(at),
  };
}
