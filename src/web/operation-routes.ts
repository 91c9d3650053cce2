/** `POST /v1/<operation>` for every operation of the table. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import { maxAgentChars } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { ControlService, RequestContext } from '../control/handlers.ts';
import { type OperationName, operations } from '../control/operations.ts';
import type { Notice } from '../control/results.ts';
import { readCarrier, type SpanAttributes, type TraceCarrier, traceIdOf } from '../control/tracing.ts';
import { answer, errorOutcome, type Outcome, publicError, successOutcome } from './answer.ts';
import { parseOperationInput } from './operation-input.ts';
import { readJsonBody } from './request-body.ts';
import type { WebEnv } from './web-env.ts';
import type { WebLimits } from './web-limits.ts';

export interface OperationParts {
  readonly service: ControlService;
  readonly limits: WebLimits;
  readonly logger: Logger;
}

/** The table ties each input to its handler; past the schema check the two only meet by name. */
type AnyHandler = (input: unknown, request: RequestContext) => Promise<unknown>;

export function addOperationRoutes(app: Hono<WebEnv>, parts: OperationParts): void {
  for (const name of Object.keys(operations) as OperationName[]) {
    app.post(`/v1/${name}`, (c) => answerOperation(name, parts, c.env));
  }
}

async function answerOperation(
  name: OperationName,
  { service, limits, logger }: OperationParts,
  { incoming, outgoing, signal }: WebEnv['Bindings'],
): Promise<Response> {
  const trace = readCarrier(incoming.headers);
  let outcome: Outcome;
  let body: unknown;
  try {
    body = await readJsonBody(incoming, limits.maxBodyValues);
    const handler = service.handlers[name] as AnyHandler;
    const asked = body;
    const run = () => handler(parseOperationInput(name, asked), { signal });
    outcome = successOutcome(await service.tracing.span(name, trace, aboutAgent(body), run));
  } catch (error) {
    outcome = failure(name, error, signal, withTrace(logger, trace));
  }
  await itsTurn(outgoing, signal);
  return answer(outcome, takeNotices(service, body, outgoing, signal, logger));
}

function failure(
  name: OperationName,
  error: unknown,
  signal: AbortSignal,
  logger: Pick<Logger, 'error'>,
): Outcome {
  // A handler that stops because its client is gone throws the signal's reason: no defect, and nobody reads the answer.
  if (signal.aborted && error === signal.reason) return { status: 499, json: '{"ok":false' };
  try {
    return errorOutcome(publicError(error, logger, name));
  } catch (encodingError) {
    return errorOutcome(publicError(encodingError, logger, name));
  }
}

/**
 * Resolves when this answer is the next one on its connection: before, it has no socket. Also a client that does not pipeline is met
 * there, since it may have its answer, and send what follows, before this process has heard that the answer is written.
 */
async function itsTurn(outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
  if (outgoing.socket !== null || signal.aborted) return;
  await once(outgoing, 'socket', { signal }).catch(() => undefined);
}

/**
 * Takes notices only when they will reach the connection: the client is there, and it is this answer's turn. From here to the write
 * there are microtasks only, so that does not change.
 */
function takeNotices(
  service: ControlService,
  body: unknown,
  outgoing: ServerResponse,
  signal: AbortSignal,
  logger: Logger,
): readonly Notice[] {
  const agent = agentOf(body);
  if (agent === undefined || signal.aborted || outgoing.socket?.writable !== true) return [];
  try {
    return service.takeNotices(agent);
  } catch (error) {
    publicError(error, logger, 'takeNotices');
    return [];
  }
}

function aboutAgent(body: unknown): SpanAttributes {
  const agent = agentOf(body);
  return agent === undefined ? {} : { 'agent_collab.agent': agent.slice(0, maxAgentChars) };
}

/** A failure can be looked up by the trace that it is part of. */
function withTrace(logger: Logger, carrier: TraceCarrier): Pick<Logger, 'error'> {
  const trace = traceIdOf(carrier);
  if (trace === undefined) return logger;
  return { error: (message, fields) => logger.error(message, { ...fields, trace }) };
}

/** The agent that asks: also of a request that was refused, for its leases may have ended all the same. */
function agentOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { agent, by } = body as { readonly agent?: unknown; readonly by?: unknown };
  const asking = agent ?? by;
  return typeof asking === 'string' ? asking : undefined;
}
