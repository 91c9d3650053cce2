/** A node's key in a test, and what it can sign with it. Loads no network. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { type DeltaPayload, type DeltaType, deltaId } from '../../src/delta/delta.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { deltaHash, genesisHash } from '../../src/delta/delta-frame.ts';
import { emptyVector, type VersionVector } from '../../src/delta/version-vector.ts';
import type { Run } from '../../src/p2p/run.ts';

const pkcs8HeadBytes = 16;

export class Identity {
  readonly seed: Uint8Array;
  readonly privateKey: KeyObject;
  readonly node: NodeId;

  constructor(
    pkcs8: Buffer = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  ) {
    this.privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    this.seed = Uint8Array.from(pkcs8.subarray(pkcs8HeadBytes));
    const { x = '' } = createPublicKey(this.privateKey).export({ format: 'jwk' });
    this.node = nodeIdFromPublicKey(Buffer.from(x, 'base64url'));
  }

  /** A sound body; anything of it can be another's. */
  body(
    seq: number,
    payload: DeltaPayload,
    source = this.node,
    type: DeltaType = 'custom',
    deps: VersionVector = emptyVector,
  ): Uint8Array {
    return encodeDeltaBody({
      id: deltaId(source, seq),
      source,
      seq,
      time: hlcFromMs(Date.now()),
      deps,
      agent: 'mallory' as AgentId,
      project: 'example.com/acme/app' as ProjectId,
      type,
      payload,
    });
  }

  /** A sound run that begins its chain, unless told otherwise. */
  run(bodies: readonly Uint8Array[], firstSeq = 1, prev: Uint8Array = genesisHash, source = this.node): Run {
    const hash = bodies.reduce((before, body) => deltaHash(before, body), prev);
    return { source, firstSeq, prev, bodies, signature: sign(null, hash, this.privateKey) };
  }
}
