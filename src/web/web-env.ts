import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a route finds in `c.env`. Both listeners serve the same routes; what differs was settled before. */
export interface WebEnv {
  readonly Bindings: {
    readonly incoming: IncomingMessage;
    readonly outgoing: ServerResponse;
    /** Aborted when the client hangs up before its answer is out. */
    readonly signal: AbortSignal;
  };
}

/** `socket` is trusted by its file mode; `tcp` has to pass the access guard. */
export type Transport = 'socket' | 'tcp';
