import type { OperationInput, OperationName } from './operations.ts';
import type { Notice, OperationResult, StreamEvent, StreamKind } from './results.ts';
import type { Tracing } from './tracing.ts';

/** What a handler may know of the request besides its input. */
export interface RequestContext {
  /** Aborted when the client hangs up: a wait for a lock ends with it. */
  readonly signal: AbortSignal;
}

/** Outcomes that are no success are thrown as CollabError, a denial too: its code is LOCK_DENIED. */
export type Handlers = {
  readonly [Name in OperationName]: (
    input: OperationInput<Name>,
    request: RequestContext,
  ) => Promise<OperationResult<Name>>;
};

/** What the HTTP layer needs of the daemon; daemon/ supplies it. */
export interface ControlService {
  readonly handlers: Handlers;
  /** What is asked of the daemon runs in spans of this. */
  readonly tracing: Tracing;
  /** Leases of `agent` that ended early and were not told yet. */
  takeNotices(agent: string): readonly Notice[];
  /** Answers the event of a client's hook, in the client's own form. @throws NOT_FOUND for a client that is not known. */
  hook(client: string, event: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** What `/metrics` answers, in the text form of Prometheus. */
  metrics(): Promise<string>;
  /** Calls `listener` for each committed event of the kinds until the returned function is called. */
  subscribe(kinds: ReadonlySet<StreamKind>, listener: (event: StreamEvent) => void): () => void;
}
