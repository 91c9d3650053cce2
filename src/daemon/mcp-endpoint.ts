/** `/mcp`: its packages are loaded by the first request, so that the start of a daemon does not pay for them. */
import { CollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ControlService, RequestContext } from '../control/handlers.ts';
import { type OperationName, operations } from '../control/operations.ts';
import type { McpHttp } from '../mcp/serve-http.ts';
import type { ToolBackend } from '../mcp/tool-backend.ts';

/** The table ties each input to its handler; past the schema check the two only meet by name. */
type AnyHandler = (input: unknown, request: RequestContext) => Promise<never>;

export class McpEndpoint {
  readonly #service: ControlService;
  readonly #logger: Logger;
  #opening: Promise<McpHttp> | undefined;

  constructor(service: ControlService, logger: Logger) {
    this.#service = service;
    this.#logger = logger;
  }

  /** An arrow function, so that it can be passed on. */
  readonly fetch = async (request: Request): Promise<Response> => {
    this.#opening ??= this.#open();
    return (await this.#opening).fetch(request);
  };

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }

  async #open(): Promise<McpHttp> {
    const { createMcpHttp } = await import('../mcp/serve-http.ts');
    return createMcpHttp(backendOf(this.#service), this.#service.tracing, this.#logger);
  }
}

function backendOf(service: ControlService): ToolBackend {
  return {
    call: (name, input, { signal = new AbortController().signal, trace }) => {
      const handler = service.handlers[name] as AnyHandler;
      return service.tracing.span(name, trace, {}, () => handler(checked(name, input), { signal }));
    },
    takeNotices: (agent) => (agent === undefined ? [] : service.takeNotices(agent)),
  };
}

/** What a tool makes of its arguments can still be too much for an operation. */
function checked(name: OperationName, input: unknown): unknown {
  const parsed = operations[name].safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  throw new CollabError('INVALID_ARGUMENT', `${field || 'the arguments'}: ${issue?.message ?? 'invalid'}`, {
    details: { field },
  });
}
