/** Answers in the envelope of SPEC §12, and what of an error a client may see. */
import { CollabError, encodeError, errorKinds, toCollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { randomHex } from '../base/random.ts';
import type { Notice } from '../control/results.ts';

export const jsonHeaders: Readonly<Record<string, string>> = Object.freeze({
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

/**
 * An envelope that is encoded but for its notices. Encoding can fail, and notices are told only once: so they are taken
 * when nothing else can go wrong any more.
 */
export interface Outcome {
  readonly status: number;
  readonly json: string;
}

export function successOutcome(data: unknown): Outcome {
  return { status: 200, json: `{"ok":true,"data":${JSON.stringify(data) ?? 'null'}` };
}

/** @param status other than the one of the error's code, where HTTP has a better one. */
export function errorOutcome(error: CollabError, status: number = errorKinds[error.code].http): Outcome {
  return { status, json: `{"ok":false,"error":${JSON.stringify(encodeError(error))}` };
}

export function answer(
  outcome: Outcome,
  notices: readonly Notice[] = [],
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(envelopeText(outcome, notices), {
    status: outcome.status,
    headers: { ...jsonHeaders, ...headers },
  });
}

export function envelopeText({ json }: Outcome, notices: readonly Notice[] = []): string {
  return notices.length === 0 ? `${json}}` : `${json},"notices":${JSON.stringify(notices)}}`;
}

/**
 * The error as a client may see it. Of a defect only a reference: its message may hold paths or what another agent
 * wrote, and helps nobody but us. The log has the rest under the same reference.
 */
export function publicError(thrown: unknown, logger: Pick<Logger, 'error'>, where: string): CollabError {
  const error = toCollabError(thrown);
  if (error.code !== 'INTERNAL') return error;
  const reference = randomHex(4);
  const cause = error.cause ?? error;
  logger.error('a request failed by a defect', {
    where,
    reference,
    error: error.message,
    stack: cause instanceof Error ? cause.stack : undefined,
  });
  return new CollabError('INTERNAL', 'the daemon failed on this request: a defect of agent-collab', {
    next: `Look for ${reference} in the daemon's log, and please report what it says there.`,
    details: { reference },
  });
}
