/** What the tools need: the control operations, and who asks. The daemon has both at hand; the stdio server asks the daemon. */
import type { OperationInput, OperationName } from '../control/operations.ts';
import type { Notice, OperationResult } from '../control/results.ts';
import type { TraceCarrier } from '../control/tracing.ts';

export interface ToolCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of the span that the call is part of. */
  readonly trace: TraceCarrier;
}

export interface ToolBackend {
  /** @throws CollabError. `notices` are told once, also when the call is refused. */
  call<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    options: ToolCallOptions,
  ): Promise<OperationResult<Name>>;
  /** Leases of the agent that ended early, as far as calls so far have brought word of it. */
  takeNotices(agent: string | undefined): readonly Notice[];
}

/** Of one connection or request: what its transport knows, and no argument of a model. */
export interface Caller {
  /** The session, where the environment or a header names it: `claude:<id>`. */
  readonly session: string | undefined;
  /** Who acts when no hook tells; undefined: nobody can be told from another, and nothing can be held. */
  readonly fallback: string | undefined;
  /** Where relative paths start; undefined: paths must be absolute. */
  readonly cwd: string | undefined;
}
