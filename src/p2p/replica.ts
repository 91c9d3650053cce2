/**
 * The receiving end: takes runs in whatever order and however often they come, and lets a delta through to the log once, behind the delta
 * before it and behind everything that it builds on. Nothing gets here that a signature does not vouch for, except what waits for the
 * signature of a later run of the same catch-up.
 */
import { failpoint } from '../base/failpoint.ts';
import type { NodeId } from '../base/ids.ts';
import { verifyHash } from '../delta/delta-frame.ts';
import type { ChainHead, ForeignDelta } from '../delta/foreign-delta.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import { publicKeyObject } from '../store/delta-intake.ts';
import { maxBatchBytes, maxBatchDeltas, maxHeldBytes, maxHeldDeltas } from './limits.ts';
import { openRun, type Run, type RunDelta } from './run.ts';

/** What a log takes; p2p's view of it. */
export interface ReplicaLog {
  /** Resolves once they are committed. Throws when nothing of them was taken. */
  save(deltas: readonly ForeignDelta[]): Promise<void>;
  heads(): Promise<ReadonlyMap<NodeId, ChainHead>>;
}

export interface ReplicaParts {
  readonly own: NodeId;
  readonly log: ReplicaLog;
  /** True of whoever is or was a member. */
  readonly isKnown: (source: NodeId) => boolean;
  /** False: its author's clock is too far ahead, so that it has to wait. */
  readonly isDue: (time: number) => boolean;
  /** Two signed deltas of one source and seq. */
  readonly onFork: (fork: Fork) => void;
}

export interface Fork {
  readonly source: NodeId;
  readonly seq: number;
  /** The hash that this node has, and the run that says otherwise. */
  readonly known: Uint8Array;
  readonly run: Run;
}

/**
 * `invalid`: false in itself, whoever sent it knew or could have. `stranger`: of a source that never was a member.
 * `fork`: sound in itself, but the source has said something else before. `gap`: something before it is missing.
 */
export type Outcome = 'taken' | 'duplicate' | 'gap' | 'invalid' | 'stranger' | 'fork' | 'full';

interface Held {
  readonly delta: RunDelta;
  /** The run that vouches for it, as evidence should it turn out to be a fork. */
  readonly run: Run;
}

/** Hashes of the newest deltas of each source are kept to tell a duplicate from a fork. */
const recentHashes = 1024;

export class Replica {
  readonly #parts: ReplicaParts;
  /** Where the log stands, with what is on its way to it. */
  #heads = new Map<NodeId, ChainHead>();
  readonly #recent = new Map<NodeId, Map<number, Uint8Array>>();
  /** Verified and waiting, by source and seq. */
  readonly #held = new Map<NodeId, Map<number, Held>>();
  #heldCount = 0;
  #heldBytes = 0;
  #ownHead = 0;
  #delivering: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
  }

  /** Takes over where the log stands, and forgets what is held. */
  async begin(): Promise<void> {
    this.#heads = new Map(await this.#parts.log.heads());
    // Of its own, a node tells what is flushed: `grew` says how far that is.
    this.#heads.delete(this.#parts.own);
    this.#held.clear();
    this.#heldCount = 0;
    this.#heldBytes = 0;
  }

  /** This node's own log has grown. */
  grew(ownSeq: number): void {
    this.#ownHead = Math.max(this.#ownHead, ownSeq);
    this.#kick();
  }

  vector(): VersionVector {
    const vector: Record<NodeId, number> = {};
    for (const [source, { seq }] of this.#heads) if (seq > 0) vector[source] = seq;
    if (this.#ownHead > 0) vector[this.#parts.own] = this.#ownHead;
    return vector;
  }

  /** The first half of the hash of the newest delta of each foreign source, in base64: who has said two things shows by it. */
  heads(): Readonly<Record<NodeId, string>> {
    const heads: Record<NodeId, string> = {};
    for (const [source, { seq, hash }] of this.#heads) if (seq > 0) heads[source] = headText(hash);
    return heads;
  }

  /** Sources of which another node has as many deltas as this one, and another newest. */
  contradicted(vector: VersionVector, heads: Readonly<Record<NodeId, string>>): readonly NodeId[] {
    return [...this.#heads].flatMap(([source, { seq, hash }]) =>
      seq > 0 && seqOf(vector, source) === seq && (heads[source] ?? headText(hash)) !== headText(hash)
        ? [source]
        : [],
    );
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  /** Where the source stands; `seq` 0 when nothing is known of it. */
  seqOf(source: NodeId): number {
    return source === this.#parts.own ? this.#ownHead : (this.#heads.get(source)?.seq ?? 0);
  }

  /** Checks a signed run whole, before anything of it is kept or forwarded. Costs up to 3 ms. */
  check(run: Run): readonly RunDelta[] | 'invalid' | 'stranger' {
    if (!this.#parts.isKnown(run.source)) return 'stranger';
    const deltas = openRun(run);
    const last = deltas?.at(-1);
    if (deltas === undefined || last === undefined || run.signature === undefined) return 'invalid';
    return verifyHash(last.hash, run.signature, publicKeyObject(run.source)) ? deltas : 'invalid';
  }

  offer(run: Run): Outcome {
    const deltas = this.check(run);
    if (typeof deltas === 'string') return deltas;
    return this.take(run, deltas);
  }

  /** Takes what `check` has found sound. What can go on to the log goes at once; the rest is held. */
  take(run: Run, deltas: readonly RunDelta[]): Outcome {
    const { source } = run;
    const head = this.seqOf(source);
    if (this.#isFork(run, deltas, head)) return 'fork';
    const fresh = deltas.filter(({ seq }) => seq > head && this.#held.get(source)?.has(seq) !== true);
    if (source === this.#parts.own) return fresh.length > 0 ? 'fork' : 'duplicate';
    if (fresh.length === 0) return 'duplicate';
    const bytes = fresh.reduce((sum, { body }) => sum + body.length, 0);
    const isNext = fresh[0]?.seq === head + 1;
    if (!isNext && (this.#heldCount + fresh.length > maxHeldDeltas || this.#heldBytes + bytes > maxHeldBytes))
      return 'full';
    for (const delta of fresh) this.#hold({ delta, run });
    const gap = !isNext && !this.#held.get(source)?.has(head + 1);
    this.#kick();
    return gap ? 'gap' : 'taken';
  }

  /** The source goes on behind `head`: see "Below the floor" in docs/PEERS.md. */
  skipped(source: NodeId, head: ChainHead): void {
    if (head.seq > this.seqOf(source)) this.#heads.set(source, head);
    this.#kick();
  }

  /** True when a verified delta waits that goes on behind `head`: the proof that the source was there. */
  goesOnBehind(source: NodeId, head: ChainHead): boolean {
    const next = this.#held.get(source)?.get(head.seq + 1);
    return next !== undefined && Buffer.compare(next.delta.prev, head.hash) === 0;
  }

  /** Resolves once nothing more can go on to the log. @throws what the log said when it refused. */
  async settled(): Promise<void> {
    await this.#delivering;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  #hold(held: Held): void {
    const { source, seq, body } = held.delta;
    const line = this.#held.get(source) ?? new Map<number, Held>();
    this.#held.set(source, line);
    line.set(seq, held);
    this.#heldCount += 1;
    this.#heldBytes += body.length;
  }

  #drop(source: NodeId, seq: number): void {
    const line = this.#held.get(source);
    const held = line?.get(seq);
    if (line === undefined || held === undefined) return;
    line.delete(seq);
    if (line.size === 0) this.#held.delete(source);
    this.#heldCount -= 1;
    this.#heldBytes -= held.delta.body.length;
  }

  #kick(): void {
    this.#delivering = this.#delivering.then(() =>
      this.#deliver().catch((error: unknown) => {
        // For whoever waits next: a later delivery that goes well must not hide it.
        this.#failure = { error };
      }),
    );
  }

  async #deliver(): Promise<void> {
    for (;;) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      try {
        failpoint('peers.taken');
        await this.#parts.log.save(batch);
        failpoint('peers.saved');
      } catch (error) {
        // The log took none of them: stand again where it stands. What is held comes again by catch-up.
        await this.begin();
        throw error;
      }
    }
  }

  /** What may go on, in an order in which each stands behind what it builds on. Moves the heads. */
  #nextBatch(): readonly RunDelta[] {
    const batch: RunDelta[] = [];
    let bytes = 0;
    for (let moved = true; moved; ) {
      moved = false;
      for (const source of [...this.#held.keys()]) {
        for (;;) {
          if (batch.length >= maxBatchDeltas || bytes >= maxBatchBytes) return batch;
          const delta = this.#nextOf(source);
          if (delta === undefined) break;
          batch.push(delta);
          bytes += delta.body.length;
          this.#moveHead(delta);
          moved = true;
        }
      }
    }
    return batch;
  }

  #nextOf(source: NodeId): RunDelta | undefined {
    const line = this.#held.get(source);
    const head = this.#heads.get(source);
    const seq = (head?.seq ?? 0) + 1;
    const held = line?.get(seq);
    if (held === undefined) return undefined;
    const { delta, run } = held;
    if (head !== undefined && head.seq > 0 && Buffer.compare(delta.prev, head.hash) !== 0) {
      // Sound in itself, and not on what this node has of the source: it said two things.
      this.#parts.onFork({ source, seq: head.seq, known: head.hash, run });
      for (const each of [...(line?.keys() ?? [])]) this.#drop(source, each);
      return undefined;
    }
    const waits = Object.keys(delta.deps).some(
      (on) => on !== source && this.seqOf(on as NodeId) < seqOf(delta.deps, on as NodeId),
    );
    if (waits || !this.#parts.isDue(delta.time)) return undefined;
    this.#drop(source, seq);
    return delta;
  }

  #moveHead({ source, seq, hash }: RunDelta): void {
    this.#heads.set(source, { seq, hash });
    this.remember(source, seq, hash);
  }

  /** Also of this node's own deltas, so that one that another node makes up in its name shows. */
  remember(source: NodeId, seq: number, hash: Uint8Array): void {
    const hashes = this.#recent.get(source) ?? new Map<number, Uint8Array>();
    this.#recent.set(source, hashes);
    hashes.set(seq, hash);
    hashes.delete(seq - recentHashes);
  }

  #isFork(run: Run, deltas: readonly RunDelta[], head: number): boolean {
    const known = this.#recent.get(run.source);
    const newest = this.#heads.get(run.source)?.hash;
    for (const { seq, hash } of deltas) {
      const ours =
        (seq <= head ? known?.get(seq) : undefined) ??
        (seq === head ? newest : undefined) ??
        this.#held.get(run.source)?.get(seq)?.delta.hash;
      if (ours === undefined || Buffer.compare(ours, hash) === 0) continue;
      this.#parts.onFork({ source: run.source, seq, known: ours, run });
      return true;
    }
    return false;
  }
}

/** Long enough that nobody finds two deltas that share it. */
const headBytes = 16;

function headText(hash: Uint8Array): string {
  return Buffer.from(hash.subarray(0, headBytes)).toString('base64url');
}
