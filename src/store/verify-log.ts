import type { NodeId } from '../base/ids.ts';
import type { Delta } from '../delta/delta.ts';
import { type DeltaFrame, decodeDeltaFrame, deltaHash, verifyHash } from '../delta/delta-frame.ts';
import { publicKeyObject } from './delta-intake.ts';
import { bodyOf, deltaSchema, isSourceHead, isText, type LogView, type SourceHead } from './log-view.ts';
import { isLostMarker, pastLost, type SeqRange } from './lost-marker.ts';
import { isCount, type MetaTable } from './meta-table.ts';
import { positionKey, positionKeyBytes, positionOfKey } from './store-keys.ts';
import type { VerifyProgress, VerifyReport } from './verify-report.ts';

/** Where the walk stands in the chain of one source. */
interface Chain {
  seq: number;
  /** Undefined after a record that could not be read: the next link cannot be judged. */
  hash: Uint8Array | undefined;
  signed: boolean;
  /** Seqs that a repair gave up: no gap. */
  readonly lost: readonly SeqRange[];
}

interface Walk {
  readonly log: LogView;
  readonly report: VerifyReport;
  readonly node: NodeId | undefined;
  readonly head: number;
  readonly chains: Map<NodeId, Chain>;
  /** True once a record could not be read: then a seq that is missing may be the one that it held. */
  broken: boolean;
  clock: number;
  expected: number;
}

/** Positions, checksums, bodies, seqs, hash chains, signatures, and the meta values against what the walk found. */
export function* verifyLog(log: LogView, report: VerifyReport, step: number): Generator<VerifyProgress> {
  const { meta } = log;
  const floor = readMeta(meta, report, 'floor', isCount) ?? 1;
  const head = readMeta(meta, report, 'head', isCount) ?? 0;
  const trimmed = readMeta(meta, report, 'trimmed', isCount) ?? 1;
  const node = readMeta(meta, report, 'node', isText) as NodeId | undefined;
  if (readMeta(meta, report, 'schema', isCount) !== deltaSchema)
    report.add('delta', 'meta schema', 'is unknown');
  if (trimmed > floor || floor > head + 1)
    report.add('delta', 'meta floor', `${trimmed} ≤ ${floor} ≤ ${head + 1} fails`);
  const walk: Walk = {
    log,
    report,
    node,
    head,
    chains: new Map(),
    broken: false,
    clock: 0,
    expected: floor,
  };
  for (const name of sourceNames(log)) startChain(walk, name);
  while (yield* verifyPart(walk, floor, step)) log.environment.refresh();
  if (walk.expected <= head)
    report.add('delta', `position ${walk.expected}`, 'is missing, and so is what follows');
  verifyHeads(walk);
  verifyOutside(walk, trimmed);
}

function* verifyPart(walk: Walk, floor: number, step: number): Generator<VerifyProgress, boolean> {
  const { log, report, head } = walk;
  let seen = 0;
  for (const { key, value } of log.log.entries({
    from: positionKey(walk.expected),
    to: positionKey(head + 1),
  })) {
    const position = positionOfKey(key);
    if (position !== walk.expected) {
      report.add('delta', `position ${walk.expected}`, `is missing, up to ${position - 1}`);
      walk.broken = true;
    }
    walk.expected = position + 1;
    verifyRecord(walk, position, value);
    if (++seen === step) break;
  }
  yield { store: 'delta', done: walk.expected - floor, total: head - floor + 1 };
  return seen === step;
}

function verifyRecord(walk: Walk, position: number, value: Buffer): void {
  const { report } = walk;
  const where = `position ${position}`;
  if (isLostMarker(position, value)) {
    report.checked.lost++;
    return;
  }
  report.checked.deltas++;
  const read = report.attempt('delta', where, () => {
    const frame = decodeDeltaFrame(position, value);
    return { frame, delta: bodyOf(position, frame) };
  });
  if (read === undefined) {
    walk.broken = true;
    return;
  }
  const { frame, delta } = read;
  if (delta.time > walk.clock) walk.clock = delta.time;
  const chain = walk.chains.get(delta.source) ?? startChain(walk, delta.source);
  verifyLink(walk, chain, where, frame, delta);
}

function verifyLink(walk: Walk, chain: Chain, where: string, frame: DeltaFrame, delta: Delta): void {
  const { report } = walk;
  passLost(chain, delta.seq - 1);
  const follows = delta.seq === chain.seq + 1;
  // A gap is told once, by the record that could not be read, when there is such.
  if (!follows && !walk.broken)
    report.add('delta', where, `is delta ${delta.seq} of ${delta.source}, after ${chain.seq}`);
  if (follows && chain.hash !== undefined && Buffer.compare(chain.hash, frame.prev) !== 0)
    report.add('delta', where, `breaks the hash chain of ${delta.source} at ${delta.seq}`);
  const hash = deltaHash(frame.prev, frame.body);
  const { signature } = frame;
  if (signature !== undefined) {
    report.checked.signatures++;
    if (!verifyHash(hash, signature, publicKeyObject(delta.source)))
      report.add('delta', where, `has a wrong signature of ${delta.source}`);
  }
  chain.seq = delta.seq;
  chain.hash = hash;
  chain.signed = signature !== undefined;
}

/** What is known to be lost is no gap; what follows has nothing to be linked to. */
function passLost(chain: Chain, upTo: number): void {
  const last = pastLost(chain.lost, chain.seq + 1, 1) - 1;
  if (last === chain.seq || last > upTo) return;
  chain.seq = last;
  chain.hash = undefined;
  chain.signed = true;
}

/** The chain of a source begins at its floor. */
function startChain({ log, report, chains }: Walk, source: NodeId): Chain {
  const head = report.attempt('delta', `source ${source}`, () => log.source(source));
  const lost = report.attempt('delta', `lost of ${source}`, () => log.lostSeqs(source)) ?? [];
  const chain: Chain = { seq: head?.floorSeq ?? 0, hash: head?.floorHash, signed: false, lost };
  chains.set(source, chain);
  return chain;
}

function sourceNames(log: LogView): NodeId[] {
  try {
    return [...log.sources()].map(([name]) => name as NodeId);
  } catch {
    // A damaged head is found again, and named, by verifyHeads.
    return [];
  }
}

function verifyHeads(walk: Walk): void {
  const { log, report, chains, node } = walk;
  for (const [source, chain] of chains) {
    const head = report.attempt('delta', `source ${source}`, () =>
      log.meta.get(`source/${source}`, isSourceHead),
    );
    if (head !== undefined) passLost(chain, head.seq);
    if (head === undefined) report.add('delta', `source ${source}`, 'has no head in meta');
    else if (!walk.broken && !sameHead(head, chain))
      report.add('delta', `source ${source}`, `has the head ${head.seq} in meta, ${chain.seq} in the log`);
  }
  const clock = report.attempt('delta', 'meta clock', () => log.meta.get('clock', isCount)) ?? 0;
  if (clock < walk.clock) report.add('delta', 'meta clock', `is ${clock}, the log has ${walk.clock}`);
  const own = node === undefined ? undefined : chains.get(node);
  const kept = own !== undefined && own.seq > log.source(node as NodeId).floorSeq;
  if (kept && !own.signed && !walk.broken)
    report.add('delta', `source ${node}`, `ends in delta ${own.seq}, which no signature covers`);
}

function sameHead(head: SourceHead, chain: Chain): boolean {
  if (head.seq !== chain.seq) return false;
  // Of a chain whose end is lost nothing is left to compare.
  if (chain.hash === undefined) return pastLost(chain.lost, head.seq, -1) !== head.seq;
  return Buffer.compare(head.hash, chain.hash) === 0;
}

/** Records above the head or below what compaction has trimmed, and keys that are no positions. */
function verifyOutside({ log, report, head }: Walk, trimmed: number): void {
  for (const key of log.log.keys({ to: positionKey(trimmed) })) {
    report.add('delta', `position ${describe(key)}`, 'is below what was trimmed');
    break;
  }
  for (const key of log.log.keys({ from: positionKey(head + 1) })) {
    report.add('delta', `position ${describe(key)}`, 'is above the head');
    break;
  }
}

function describe(key: Buffer): string {
  return key.length === positionKeyBytes ? String(positionOfKey(key)) : key.toString('hex');
}

function readMeta<T>(
  meta: MetaTable,
  report: VerifyReport,
  name: string,
  guard: (value: unknown) => value is T,
): T | undefined {
  return report.attempt('delta', `meta ${name}`, () => meta.need(name, guard));
}
