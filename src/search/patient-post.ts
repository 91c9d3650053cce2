/** One request to a service, asked again for as long as that may help. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { randomFraction } from '../base/random.ts';

export interface PostOptions {
  /** One try, from its first byte to the last of the answer. Long enough for a model that is loaded first. @default 20_000 */
  readonly timeoutMs?: number;
  /** Of an answer, unpacked. 128 vectors of 4096 numbers are 12 MB as text. @default 32 MiB */
  readonly maxAnswerBytes?: number;
  /** Before the second try; doubled for each after it, give or take half. @default 500 */
  readonly firstPauseMs?: number;
  /** A service that wants to be left alone for longer is not asked again at all. @default 30_000 */
  readonly longestPauseMs?: number;
  /** @returns once the time is up. @throws when the signal ends it. @default the timer of Node */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>;
  /** Uniform in [0, 1). @default randomFraction */
  readonly random?: () => number;
  /** For a `Retry-After` that names a date. @default the system's */
  readonly clock?: Pick<Clock, 'wallMs'>;
}

export type PostConfig = Readonly<Required<PostOptions>>;

/** Enough for a service to come back from a hiccup: about four seconds of pauses. */
const maxAttempts = 4;
/** Of the answer of a service that refuses: its reason stands at the beginning. */
const maxRefusalBytes = 64 * 1024;

export function resolvePostOptions(options: PostOptions): PostConfig {
  return Object.freeze({
    timeoutMs: 20_000,
    maxAnswerBytes: 32 * 1024 * 1024,
    firstPauseMs: 500,
    longestPauseMs: 30_000,
    // It keeps the process alive: whoever asked waits for the answer.
    pause: (ms: number, signal: AbortSignal | undefined) => delay(ms, undefined, { signal }),
    random: randomFraction,
    clock: systemClock,
    ...options,
  });
}

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Attempt =
  | { readonly kind: 'answered'; readonly text: string }
  /** Another status than success. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly text: string;
      readonly retryAfterMs: number;
    }
  | { readonly kind: 'too large' }
  | { readonly kind: 'timeout' }
  /** `code` is the system's word for what went wrong, such as ECONNREFUSED. */
  | { readonly kind: 'network'; readonly code: string };

/** How it ended, and after how many tries. */
export type PostOutcome = Attempt & { readonly attempts: number };

/**
 * What was thrown on the way never leaves this file: it may quote the headers, and so the key.
 * @throws the reason of `signal` once that is aborted, and nothing else.
 */
export async function patientPost(
  post: Post,
  config: PostConfig,
  signal: AbortSignal | undefined,
): Promise<PostOutcome> {
  for (let attempts = 1; ; attempts += 1) {
    signal?.throwIfAborted();
    const attempt = await postOnce(post, config, signal);
    const pauseMs = pauseBeforeNext(attempt, attempts, config);
    if (pauseMs === undefined) return { ...attempt, attempts };
    try {
      await config.pause(pauseMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }
}

/** Undefined when it is no use to ask again. */
function pauseBeforeNext(attempt: Attempt, attempts: number, config: PostConfig): number | undefined {
  if (attempts >= maxAttempts || !mayPass(attempt)) return undefined;
  const asked = attempt.kind === 'refused' ? attempt.retryAfterMs : 0;
  if (asked > config.longestPauseMs) return undefined;
  // Jitter keeps the daemons that one outage has stopped from coming back in step.
  const own = config.firstPauseMs * 2 ** (attempts - 1) * (0.5 + config.random());
  return Math.min(config.longestPauseMs, Math.max(asked, own));
}

function mayPass(attempt: Attempt): boolean {
  if (attempt.kind !== 'refused') return attempt.kind === 'timeout' || attempt.kind === 'network';
  return attempt.status === 408 || attempt.status === 429 || attempt.status >= 500;
}

async function postOnce(post: Post, config: PostConfig, signal: AbortSignal | undefined): Promise<Attempt> {
  // Not AbortSignal.any: in Node 20 it leaves something behind in a signal that outlives many requests.
  const ending = new AbortController();
  const end = () => ending.abort();
  const timer = setTimeout(end, config.timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  try {
    const response = await fetch(post.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...post.headers },
      body: post.body,
      // A redirect would carry the key, which stands in no standard header at Google, to wherever it leads.
      redirect: 'manual',
      signal: ending.signal,
    });
    if (response.ok) {
      const { text, isWhole } = await readText(response, config.maxAnswerBytes);
      return isWhole ? { kind: 'answered', text } : { kind: 'too large' };
    }
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), config.clock);
    const { text } = await readText(response, maxRefusalBytes);
    return { kind: 'refused', status: response.status, text, retryAfterMs };
  } catch (error) {
    signal?.throwIfAborted();
    return ending.signal.aborted ? { kind: 'timeout' } : { kind: 'network', code: codeOf(error) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** Stops, and cuts the connection, as soon as there is more than `maxBytes`. */
async function readText(
  response: Response,
  maxBytes: number,
): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    chunks.push(chunk);
    // Leaving the loop cancels the body.
    if (bytes > maxBytes) break;
  }
  return { text: Buffer.concat(chunks).toString('utf8', 0, maxBytes), isWhole: bytes <= maxBytes };
}

/** Seconds or a date (RFC 9110, 10.2.3), in milliseconds from now; 0 when there is none that can be read. */
function parseRetryAfter(value: string | null, clock: PostConfig['clock']): number {
  if (value === null) return 0;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - clock.wallMs());
}

/** `fetch` throws a TypeError for everything; what has happened is the code of a cause of it. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return code;
  }
  return 'no connection';
}
