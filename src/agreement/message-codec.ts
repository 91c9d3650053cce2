/**
 * The form in which messages travel: CBOR, an array `[version, epoch, boot, round, time, kind, body]`. Whatever a peer sends
 * becomes a message within all limits, or one error.
 */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import { maxAgentChars, maxIntentionChars } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from '../codec/cbor.ts';
import { parseClaim, parseTarget } from '../lock/claim.ts';
import type { Target } from '../lock/target.ts';
import type { Vote } from './durable-state.ts';
import type {
  Body,
  BodyKind,
  BodyOf,
  CarriedEntry,
  KeptLease,
  Message,
  PlacedWireClaim,
  Refused,
} from './message.ts';
import type { Assurance, Obstacle } from './outcome.ts';
import { maxMembers, type View } from './view.ts';
import {
  count,
  duration,
  flag,
  listOf,
  oneOf,
  optional,
  type RecordFields,
  record,
  text,
  type WireField,
  wrongMessage,
} from './wire-field.ts';

const version = 1;
/** A whole message: a view with all that is promised in it is the longest, 20 000 entries of some 400 bytes. */
export const maxMessageBytes = 16 * 1024 * 1024;
/** Leases or entries in one message. */
const maxListed = 20_000;
/** Agents of one cycle. */
const maxCycle = 1000;
const maxIdChars = 200;
/** What `locks.maxTtlMs` of any member may be set to. */
const longestTtlMs = 86_400_000;

const lockId = text<LockId>(maxIdChars);
const nodeId = text<NodeId>(maxIdChars);
const assurance = oneOf<Assurance>(['cluster', 'local']);
const members = listOf(nodeId, maxMembers);

/** As the lock table takes them: all its limits hold for what members send, too. */
const claim: WireField<PlacedWireClaim> = {
  write: ({ id, stamp, waits, ...asked }) => [id, stamp, waits, asked],
  read: (raw) => {
    if (!Array.isArray(raw) || raw.length !== 4) throw wrongMessage('has no claim where one belongs');
    const [id, stamp, waits, asked] = raw as readonly unknown[];
    const parsed = parseClaim(asked, { defaultTtlMs: longestTtlMs, maxTtlMs: longestTtlMs }).claim;
    return {
      ...parsed,
      id: lockId.read(id),
      stamp: count<HlcTime>().read(stamp),
      waits: flag.read(waits),
    };
  },
};

const target: WireField<Target> = { write: (value) => value, read: (raw) => parseTarget(raw) };

const obstacle = record<Obstacle>({
  id: lockId,
  node: nodeId,
  agent: text<AgentId>(maxAgentChars),
  agentName: optional(text(maxAgentChars)),
  intention: text(maxIntentionChars),
  mode: oneOf(['exclusive', 'shared']),
  target,
  overlap: oneOf(['partial', 'full', 'contains']),
  state: oneOf(['granted', 'promised', 'queued']),
  assurance,
  remainingMs: duration,
});

const entry = record<CarriedEntry>({
  claim,
  node: nodeId,
  boot: count(),
  granted: flag,
  assurance,
  fence: count(),
  remainingMs: duration,
});

const lease = record<KeptLease>({
  id: lockId,
  fence: count(),
  assurance,
  remainingMs: duration,
  claim: optional(claim),
});

const refused = record<Refused>({ id: lockId, verdict: oneOf(['lost', 'contested']), winner: obstacle });
const vote = record<Vote>({ ballot: count(), members, departed: flag });
const view = record<View>({ epoch: count(), members, departed: flag });

type BodyFields<K extends BodyKind> = RecordFields<Omit<BodyOf<K>, 'kind'>>;

/** In the order of their numbers, which never change. */
const bodies: { readonly [K in BodyKind]: BodyFields<K> } = {
  heartbeat: { ready: flag },
  claim: { claim, attempt: count(), yields: count() },
  promise: { id: lockId, attempt: count(), yields: count(), promisedRound: count() },
  refuse: {
    id: lockId,
    attempt: count(),
    reason: oneOf(['held', 'queued', 'deadlock', 'limit', 'undecided', 'unready']),
    obstacle: optional(obstacle),
    cycle: optional(listOf(obstacle, maxCycle)),
  },
  raise: { id: lockId, to: count() },
  raised: { id: lockId, to: count() },
  inquire: { id: lockId, why: oneOf(['yield', 'verify']) },
  yield: { id: lockId, yields: count() },
  keep: { batch: count(), recheck: flag, leases: listOf(lease, maxListed) },
  kept: { batch: count(), unknown: listOf(lockId, maxListed), refused: listOf(refused, maxListed) },
  end: { ids: listOf(lockId, maxListed) },
  lost: { id: lockId, winner: obstacle },
  force: { request: count(), id: lockId, by: text(maxAgentChars), reason: text(maxIntentionChars) },
  forced: { request: count(), done: flag },
  prepare: { ballot: count() },
  prepared: {
    ballot: count(),
    vote: optional(vote),
    forgetful: flag,
    departed: flag,
    entries: listOf(entry, maxListed),
  },
  accept: { ballot: count(), members, departed: flag },
  accepted: { ballot: count() },
  outvoted: { ballot: count(), promised: count() },
  view: { view, entries: optional(listOf(entry, maxListed)) },
  'ask-view': {},
};

const kinds = Object.keys(bodies) as readonly BodyKind[];
const fields = kinds.map((kind) => record(bodies[kind] as RecordFields<object>));

export function encodeMessage({ epoch, boot, round, time, body }: Message): Uint8Array {
  const { kind, ...rest } = body;
  const number = kinds.indexOf(kind);
  return encodeCbor([version, epoch, boot, round, time, number, fields[number]?.write(rest)]);
}

/** @throws INVALID_ARGUMENT or INVALID_PATH for anything that `encodeMessage` cannot have made. */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > maxMessageBytes)
    throw wrongMessage(`has ${bytes.length} bytes, the limit is ${maxMessageBytes}`);
  const raw = decoded(bytes);
  if (!Array.isArray(raw) || raw.length !== 7 || raw[0] !== version)
    throw wrongMessage('is of another version');
  const [, epoch, boot, round, time, number, body] = raw as readonly unknown[];
  const kind = Number.isInteger(number) ? kinds[number as number] : undefined;
  const field = kind === undefined ? undefined : fields[number as number];
  if (kind === undefined || field === undefined)
    throw wrongMessage('is of a kind that this version does not know');
  return {
    epoch: count().read(epoch),
    boot: count().read(boot),
    round: count().read(round),
    time: count<HlcTime>().read(time),
    body: { kind, ...field.read(body) } as Body,
  };
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    throw wrongMessage('is not CBOR', cause);
  }
}
