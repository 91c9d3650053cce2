/** Nodes with keys, deltas in valid chains, and directories that vanish with their test. */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type HlcTime, hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { type Delta, type DeltaPayload, type DeltaType, deltaId } from '../../src/delta/delta.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { deltaHash, genesisHash, signHash } from '../../src/delta/delta-frame.ts';
import type { VersionVector } from '../../src/delta/version-vector.ts';
import { publicKeyObject } from '../../src/store/delta-intake.ts';
import type { IncomingDelta } from '../../src/store/delta-store.ts';

export const baseTime = hlcFromMs(Date.UTC(2026, 0, 1));

export interface TestNode {
  readonly id: NodeId;
  readonly privateKey: KeyObject;
}

/** PKCS#8 head of an Ed25519 private key (RFC 8410); the 32 bytes of seed follow. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The same name gives the same node in every run. */
export function testNode(name: string): TestNode {
  const seed = createHash('sha256').update(name).digest();
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Head, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const jwk = privateKey.export({ format: 'jwk' });
  const id = nodeIdFromPublicKey(Buffer.from(String(jwk.x), 'base64url'));
  publicKeyObject(id);
  return { id, privateKey };
}

export interface DeltaFields {
  readonly seq?: number;
  readonly time?: number;
  readonly type?: DeltaType;
  readonly project?: string;
  readonly path?: string;
  readonly agent?: string;
  readonly deps?: VersionVector;
  readonly payload?: DeltaPayload;
}

/** Writes the deltas of one node one after the other, as its author would. */
export class Author {
  readonly node: TestNode;
  seq = 0;
  time: number;
  hash: Uint8Array = genesisHash;

  constructor(node: TestNode, time: number = baseTime) {
    this.node = node;
    this.time = time;
  }

  /** The next delta of the chain; `time` counts ticks after `baseTime`. */
  next(fields: DeltaFields = {}): Delta {
    const seq = fields.seq ?? this.seq + 1;
    const time = fields.time === undefined ? this.time + 1 : baseTime + fields.time;
    const delta: Delta = {
      id: deltaId(this.node.id, seq),
      source: this.node.id,
      seq,
      time: time as HlcTime,
      agent: (fields.agent ?? 'claude:one') as AgentId,
      project: (fields.project ?? 'github.com/acme/app') as ProjectId,
      type: fields.type ?? 'context',
      deps: fields.deps ?? {},
      payload: fields.payload ?? {
        ...(fields.path === undefined ? {} : { path: fields.path }),
        text: `delta ${seq}`,
      },
    };
    this.seq = seq;
    this.time = time;
    return delta;
  }

  /** As it is saved by its own node. */
  own(fields: DeltaFields = {}): IncomingDelta {
    const delta = this.next(fields);
    this.hash = deltaHash(this.hash, encodeDeltaBody(delta));
    return { delta };
  }

  /** As another node sends it: with its bytes, its link and a signature. */
  foreign(fields: DeltaFields = {}): IncomingDelta {
    const delta = this.next(fields);
    const body = encodeDeltaBody(delta);
    const prev = this.hash;
    this.hash = deltaHash(prev, body);
    return { delta, body, prev, signature: signHash(this.hash, this.node.privateKey) };
  }

  owns(count: number, fields: DeltaFields = {}): IncomingDelta[] {
    return Array.from({ length: count }, () => this.own(fields));
  }
}

export function tempDirectory(t: Pick<TestContext, 'after'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The `time` of a tick after `baseTime`. */
export function at(tick: number): HlcTime {
  return (baseTime + tick) as HlcTime;
}
