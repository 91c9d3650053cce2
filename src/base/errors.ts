/**
 * The one failure class of the project and the one table of its codes.
 *
 * Expected outcomes (a denial, a full queue) are values, never errors. An error says that the call could not
 * be carried out; its `code` is stable, its `message` says what happened, `next` says what to do.
 */

/** What a code stands for: the process exit code (SPEC §12), the HTTP status and when it is raised. */
interface ErrorKind {
  readonly exit: 2 | 3 | 4 | 5 | 70;
  readonly http: number;
  readonly when: string;
}

/** Every error code there is. docs/API.md repeats this table and a test compares the two. */
export const errorKinds = {
  USAGE: {
    exit: 2,
    http: 400,
    when: 'the command line has an unknown flag, a missing or a malformed argument',
  },
  INVALID_ARGUMENT: {
    exit: 2,
    http: 400,
    when: 'a field of a request has the wrong type or is out of range',
  },
  INVALID_JSON: { exit: 2, http: 400, when: 'a request body is not JSON, is truncated or is not UTF-8' },
  REQUEST_TOO_LARGE: { exit: 2, http: 413, when: 'a request body is over 1 MiB' },
  INVALID_PATH: {
    exit: 2,
    http: 400,
    when: 'a path is empty, holds a control character, is too long, lies in .git or cannot be looked up',
  },
  PATH_OUTSIDE_PROJECT: { exit: 2, http: 400, when: 'a path leads out of the repository' },
  PROJECT_NOT_FOUND: { exit: 2, http: 404, when: 'the directory that a request names does not exist' },
  PROJECT_UNREADABLE: {
    exit: 5,
    http: 503,
    when: 'the directory that a request names cannot be looked at, or git hangs on it',
  },
  DELTA_TOO_LARGE: { exit: 2, http: 413, when: 'an encoded delta is over 256 KiB' },
  CONFIG_INVALID: {
    exit: 2,
    http: 400,
    when: 'config.json or a setting has a wrong type, range or is not JSON',
  },
  SECRET_REFUSED: {
    exit: 5,
    http: 422,
    when: 'a secret is in what is to be shared, and `context.secrets` is `refuse`; `details.secrets` says where',
  },
  NOT_FOUND: {
    exit: 2,
    http: 404,
    when: 'no record has the id that was asked for, or no such operation exists',
  },
  LOCK_DENIED: {
    exit: 3,
    http: 409,
    when: 'another agent holds, or waits ahead for, an overlapping lock, also after a wait',
  },
  LOCK_DEADLOCK: {
    exit: 3,
    http: 409,
    when: 'waiting would close a cycle of agents that wait for each other',
  },
  LOCK_RATE_LIMITED: { exit: 3, http: 429, when: 'the agent claims locks faster than the rate limit' },
  LOCK_NO_MAJORITY: {
    exit: 3,
    http: 503,
    when: 'no majority of the cluster was reached: a claim with `locks.partition` at `refuse`, or a renewal',
  },
  LOCK_LIMIT: { exit: 3, http: 429, when: 'the lock table or the waiting list is at its limit' },
  AGENT_UNKNOWN: {
    exit: 2,
    http: 400,
    when: 'a tool that acts for an agent is called, and nothing tells for which one',
  },
  LOCK_NOT_HELD: {
    exit: 3,
    http: 409,
    when: 'the lock has ended (released, expired, forced, restart) or is not known',
  },
  LOCK_NOT_HOLDER: { exit: 3, http: 403, when: 'another agent than the holder asks to release or renew' },
  LOCK_STALE_FENCE: { exit: 3, http: 409, when: 'the fence that was passed is not the fence of the lock' },
  CLIENT_CONFIG_INVALID: {
    exit: 5,
    http: 500,
    when: 'the settings file of an agent client cannot be read or changed safely; it was left as it is',
  },
  SETUP_FAILED: { exit: 5, http: 500, when: 'no agent client was connected, or an entry does not work' },
  DAEMON_UNREACHABLE: { exit: 4, http: 503, when: 'no daemon answers and none may or could be started' },
  DAEMON_CLOSING: { exit: 4, http: 503, when: 'the daemon is shutting down' },
  DAEMON_RUNNING: { exit: 5, http: 409, when: 'another daemon serves this data directory' },
  HOME_UNUSABLE: {
    exit: 5,
    http: 500,
    when: 'the data directory is a file, unreadable, not writable or not ours',
  },
  KEY_INVALID: { exit: 5, http: 500, when: 'key.json cannot be read as an Ed25519 identity' },
  SCHEMA_NEWER: { exit: 5, http: 500, when: 'a store was written by a newer version of agent-collab' },
  UNAUTHORIZED: {
    exit: 5,
    http: 401,
    when: 'a request over TCP has no valid token, or a foreign Host or Origin',
  },
  STORE_UNAVAILABLE: {
    exit: 5,
    http: 503,
    when: 'a store cannot take the record now (worker down, disk full, I/O error), or did not in time for a claim',
  },
  STORE_READ_ONLY: {
    exit: 5,
    http: 503,
    when: 'the daemon turned read-only after repeated failures of a lane',
  },
  STORE_DAMAGED: { exit: 5, http: 500, when: 'a stored record fails its checksum, its chain or its decoder' },
  STORE_CLOSED: { exit: 5, http: 503, when: 'a store is used after close' },
  SEQ_GAP: { exit: 5, http: 409, when: 'a delta does not follow the newest one of its source' },
  CHAIN_BROKEN: {
    exit: 5,
    http: 409,
    when: 'the prev hash or the signature of a delta does not fit its source',
  },
  NOT_IN_CLUSTER: { exit: 5, http: 409, when: 'a node that is in no cluster is asked for its peers' },
  CLUSTER_EXISTS: { exit: 5, http: 409, when: 'a node that is in a cluster is to make or join another one' },
  CLUSTER_INVALID: { exit: 5, http: 500, when: 'cluster.json cannot be read as a membership' },
  INVITE_REFUSED: {
    exit: 5,
    http: 403,
    when: 'an invite is malformed, changed, expired, used, revoked or of another cluster; `details.reason` says which',
  },
  PEER_UNREACHABLE: { exit: 5, http: 503, when: 'the member that has to answer cannot be reached' },
  PEERS_UNAVAILABLE: {
    exit: 5,
    http: 503,
    when: 'the thread that talks to peers is not there, or this node keeps its log in memory',
  },
  EMBEDDING_FAILED: {
    exit: 5,
    http: 502,
    when: 'a service gives no embeddings: it is away, refuses, or answers what is none; `details.reason` says which',
  },
  SEARCH_UNAVAILABLE: {
    exit: 5,
    http: 503,
    when: 'the thread that searches shared context ended or does not answer; the next search begins another',
  },
  VERIFY_FAILED: { exit: 5, http: 500, when: 'verify found damage, or a backup is not what it was' },
  UNHEALTHY: { exit: 5, http: 500, when: 'doctor found something that is not in order' },
  INTERNAL: { exit: 70, http: 500, when: 'a defect of agent-collab' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The form in which an error crosses a thread or a socket: an `Error` that is posted loses its code. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next?: string;
  readonly details?: ErrorDetails;
}

export interface CollabErrorOptions {
  /** The next step for whoever reads the message, as one sentence. */
  readonly next?: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

export class CollabError extends Error {
  override readonly name = 'CollabError';
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: CollabErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next;
    this.details = options.details;
  }
}

/** Any thrown value as a `CollabError`; what is not one already becomes `INTERNAL` with the original as cause. */
export function toCollabError(error: unknown): CollabError {
  if (error instanceof CollabError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CollabError('INTERNAL', message, { cause: error });
}

export function encodeError(error: unknown): WireError {
  const known = toCollabError(error);
  return {
    code: known.code,
    message: known.message,
    ...(known.next === undefined ? {} : { next: known.next }),
    ...(known.details === undefined ? {} : { details: known.details }),
  };
}

/** Reads a wire error from another thread, process or version; an unknown code becomes `INTERNAL`. */
export function decodeError(wire: unknown): CollabError {
  const { code, message, next, details } = (wire ?? {}) as Partial<Record<keyof WireError, unknown>>;
  return new CollabError(
    isErrorCode(code) ? code : 'INTERNAL',
    typeof message === 'string' ? message : 'unreadable error',
    {
      ...(typeof next === 'string' ? { next } : {}),
      ...(typeof details === 'object' && details !== null ? { details: details as ErrorDetails } : {}),
    },
  );
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorKinds, code);
}
