/**
 * Catch-up: one node asks another, on a stream of its own, for what it lacks.
 *
 * ```
 * asker   hello (JSON)
 * giver   hello (JSON)
 * giver   1 run | 2 floor …  3 end of a window      asker  one byte for each window that it has stored
 * giver   4 done
 * ```
 * The giver never has more than `windowsAhead` windows under way, so a slow disk holds back the other side and nothing piles up.
 */
import { failpoint } from '../base/failpoint.ts';
import type { NodeId } from '../base/ids.ts';
import { nodeIdFromPublicKey, publicKeyBytes, publicKeyFromNodeId } from '../codec/node-id.ts';
import { hashBytes } from '../delta/delta-frame.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { type Hello, readHello } from './hello.ts';
import { maxHeldDeltas, windowDeltas, windowsAhead } from './limits.ts';
import type { Floor, LogWindow } from './log-window.ts';
import { type MessageStream, ProtocolFault, slowestMs } from './message-stream.ts';
import { decodeRun, encodeRun, type Run } from './run.ts';

const tag = { run: 1, floor: 2, windowEnd: 3, done: 4 } as const;
const taken = Uint8Array.of(1);
/** A window of the smallest runs is no longer than this. */
const maxMessagesPerWindow = 4 * windowDeltas;

export interface GiverParts {
  readonly cluster: string;
  /** What to answer to it; also the place to learn from it. */
  readonly greet: (theirs: Hello) => Promise<Hello>;
  readonly window: (vector: VersionVector) => Promise<LogWindow>;
}

/** @throws ProtocolFault, and whatever ends a stream. */
export async function give(stream: MessageStream, parts: GiverParts): Promise<void> {
  const theirs = mustHello(await stream.readJson(), parts.cluster);
  await stream.writeJson(await parts.greet(theirs));
  let { vector } = theirs;
  /** Bytes of the windows that have not been acknowledged. */
  const ahead: number[] = [];
  for (let isLast = false; !isLast; ) {
    const window = await parts.window(vector);
    for (const floor of window.floors) await stream.write(encodeFloor(floor));
    let bytes = 0;
    for (const run of window.runs) {
      const message = Buffer.concat([Buffer.of(tag.run), encodeRun(run)]);
      bytes += message.length;
      await stream.write(message);
    }
    isLast = window.isLast;
    vector = window.vector;
    failpoint('peers.given');
    await stream.write(Uint8Array.of(isLast ? tag.done : tag.windowEnd));
    ahead.push(bytes);
    while (ahead.length >= (isLast ? 1 : windowsAhead)) {
      await readTaken(
        stream,
        ahead.reduce((sum, part) => sum + part, 0),
      );
      ahead.shift();
    }
  }
}

/** @param ahead bytes that may be on their way still. */
async function readTaken(stream: MessageStream, ahead: number): Promise<void> {
  // The other side writes to its disk meanwhile.
  const bytes = await stream.read(60_000 + slowestMs(ahead));
  if (bytes.length !== 1 || bytes[0] !== taken[0])
    throw new ProtocolFault('malformed', 'an answer to a window');
}

export interface AskerParts {
  readonly cluster: string;
  readonly greet: Hello;
  readonly onHello: (theirs: Hello) => Promise<void>;
  /** A run whose signature has been found to be there. @throws ProtocolFault when it is false. */
  readonly take: (run: Run) => void;
  readonly onFloor: (floor: Floor) => void;
  /** Resolves once what the window brought is stored. */
  readonly settle: () => Promise<void>;
}

/** @returns how many deltas were sent. @throws ProtocolFault, and whatever ends a stream or keeps the log from growing. */
export async function ask(stream: MessageStream, parts: AskerParts): Promise<number> {
  await stream.writeJson(parts.greet);
  await parts.onHello(mustHello(await stream.readJson(), parts.cluster));
  const open = new Map<NodeId, Run>();
  let count = 0;
  for (let messages = 0; ; messages += 1) {
    if (messages > maxMessagesPerWindow) throw new ProtocolFault('malformed', 'a window does not end');
    const bytes = await stream.read();
    const rest = bytes.subarray(1);
    switch (bytes[0]) {
      case tag.run: {
        const run = joined(open, decodeRun(rest));
        if (run === undefined) break;
        count += run.bodies.length;
        parts.take(run);
        break;
      }
      case tag.floor:
        parts.onFloor(decodeFloor(rest));
        break;
      case tag.windowEnd:
      case tag.done:
        await parts.settle();
        failpoint('peers.settled');
        await stream.write(taken);
        if (bytes[0] === tag.done) return count;
        messages = 0;
        break;
      default:
        throw new ProtocolFault('malformed', 'a message of an unknown kind');
    }
  }
}

/** A run without a signature waits for the one that goes on where it ends, and becomes one with it. */
function joined(open: Map<NodeId, Run>, run: Run | undefined): Run | undefined {
  if (run === undefined) throw new ProtocolFault('malformed', 'a run');
  const before = open.get(run.source);
  open.delete(run.source);
  const goesOn = before !== undefined && before.firstSeq + before.bodies.length === run.firstSeq;
  const whole = goesOn
    ? { ...before, bodies: [...before.bodies, ...run.bodies], signature: run.signature }
    : run;
  if (whole.bodies.length > maxHeldDeltas)
    throw new ProtocolFault('malformed', 'a run that no signature ends');
  if (whole.signature !== undefined) return whole;
  open.set(run.source, whole);
  return undefined;
}

function mustHello(value: unknown, cluster: string): Hello {
  const hello = readHello(value, cluster);
  if (hello === undefined) throw new ProtocolFault('malformed', 'a hello');
  if (hello === 'forged') throw new ProtocolFault('forged', 'a membership record');
  return hello;
}

function encodeFloor({ source, head }: Floor): Uint8Array {
  const bytes = Buffer.alloc(1 + publicKeyBytes + 8 + hashBytes);
  bytes[0] = tag.floor;
  bytes.set(publicKeyFromNodeId(source), 1);
  bytes.writeDoubleLE(head.seq, 1 + publicKeyBytes);
  bytes.set(head.hash, 1 + publicKeyBytes + 8);
  return bytes;
}

function decodeFloor(input: Uint8Array): Floor {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const seq = bytes.length === publicKeyBytes + 8 + hashBytes ? bytes.readDoubleLE(publicKeyBytes) : 0;
  if (!Number.isSafeInteger(seq) || seq < 1) throw new ProtocolFault('malformed', 'a floor');
  const source = nodeIdFromPublicKey(bytes.subarray(0, publicKeyBytes));
  return { source, head: { seq, hash: Uint8Array.from(bytes.subarray(publicKeyBytes + 8)) } };
}
