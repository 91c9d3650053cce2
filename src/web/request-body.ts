/**
 * Request bodies as JSON. Every limit is checked before the work that it bounds: bytes while they arrive, nesting and
 * number of values before the schema recurses into them.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { CollabError } from '../base/errors.ts';
import { maxPayloadDepth, maxRequestBytes } from '../base/limits.ts';

/** The body of a request as a JSON value; an empty body is `{}`. Of two equal keys the last one counts. */
export async function readJsonBody(
  incoming: IncomingMessage,
  maxValues: number,
  maxBytes: number = maxRequestBytes,
): Promise<unknown> {
  return decodeJson(await readBody(incoming, maxBytes), maxValues);
}

/** @throws REQUEST_TOO_LARGE as soon as that is clear; what still arrives is not kept. */
function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length']) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) settle(() => reject(tooLarge(maxBytes)));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks, bytes)));
    const onCut = () => settle(() => reject(invalid('the request ended before its body was complete')));
    const settle = (outcome: () => void) => {
      incoming.off('data', onData).off('end', onEnd).off('close', onCut);
      outcome();
    };
    // The listener for errors stays: a connection may fail after the outcome is clear.
    incoming.on('data', onData).on('end', onEnd).on('close', onCut).on('error', onCut);
    if (incoming.destroyed && !incoming.readableEnded) onCut();
  });
}

function decodeJson(bytes: Buffer, maxValues: number): unknown {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw invalid('the request body is not UTF-8');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`the request body is not JSON: ${reason}`, cause);
  }
  // Only an escape can bring a half of a surrogate pair into text that was UTF-8.
  checkValue(value, maxValues, /\\ud[89a-f]/i.test(text));
  return value;
}

/** Walks level by level, so that the walk itself needs no stack. */
function checkValue(root: unknown, maxValues: number, maybeMalformed: boolean): void {
  let values = 1;
  let level: readonly object[] = isContainer(root) ? [root] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxPayloadDepth) {
      throw new CollabError('INVALID_ARGUMENT', `the request is nested over ${maxPayloadDepth} levels deep`, {
        details: { field: '', expected: `at most ${maxPayloadDepth} levels` },
      });
    }
    const below: object[] = [];
    for (const container of level) {
      const members: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
      values += members.length;
      if (values > maxValues) throw tooMany(maxValues);
      if (maybeMalformed && !Array.isArray(container)) Object.keys(container).forEach(checkText);
      for (const member of members) {
        if (isContainer(member)) below.push(member);
        else if (maybeMalformed && typeof member === 'string') checkText(member);
      }
    }
    level = below;
  }
}

/** Two texts that differ in halves of surrogate pairs only would be one text once stored. */
function checkText(text: string): void {
  if (/\p{Cs}/u.test(text)) throw invalid('the request body has an escape of half a surrogate pair');
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function tooLarge(limit: number): CollabError {
  return new CollabError('REQUEST_TOO_LARGE', `the request body has over ${limit} bytes`, {
    next: 'Send less at once: a shorter text, or fewer targets.',
    details: { limit },
  });
}

function tooMany(limit: number): CollabError {
  return new CollabError('REQUEST_TOO_LARGE', `the request body holds over ${limit} values`, {
    next: 'Send less at once, or send structured data as one text.',
    details: { limit },
  });
}

function invalid(message: string, cause?: unknown): CollabError {
  return new CollabError('INVALID_JSON', message, {
    next: 'Send a JSON object in UTF-8.',
    ...(cause === undefined ? {} : { cause }),
  });
}
