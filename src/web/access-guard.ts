/**
 * Who may ask over TCP. A port on 127.0.0.1 can be reached by every user of the machine, hence the token, and by every
 * web page in a browser on it, hence Host (a name that was rebound to 127.0.0.1) and Origin (a page that just tries).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CollabError } from '../base/errors.ts';
import { mayLook } from './dashboard-access.ts';
import type { DashboardSessions } from './dashboard-sessions.ts';

const ownNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Null: may pass. `status` is 403 when no token would help. */
export type AccessCheck = (incoming: IncomingMessage) => null | { error: CollabError; status: 401 | 403 };

/** What lets a client do less than the token of the daemon does. */
export interface LesserRights {
  /** Good for the routes of hooks alone. */
  readonly hookToken?: string | undefined;
  /** Good for looking at the dashboard. */
  readonly sessions?: DashboardSessions | undefined;
}

export function createAccessGuard(token: string, { hookToken, sessions }: LesserRights = {}): AccessCheck {
  const expected = digest(token);
  const expectedOfHooks = hookToken === undefined ? undefined : digest(hookToken);
  return (incoming) => {
    const port = incoming.socket.localPort;
    if (!isOwnAuthority(incoming.headers.host, port)) {
      return refusal(403, 'the Host header does not name this daemon', `Ask http://127.0.0.1:${port}.`);
    }
    const origin = incoming.headers.origin;
    if (origin !== undefined && !isOwnOrigin(origin, port)) {
      return refusal(
        403,
        'pages of other origins may not ask this daemon',
        'Use the dashboard of the daemon.',
      );
    }
    const given = /^Bearer +([^\s]+) *$/i.exec(incoming.headers.authorization ?? '')?.[1];
    // Digests have equal lengths and tell nothing about how much of the token was right.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return null;
    const isHook = expectedOfHooks !== undefined && incoming.url?.startsWith('/v1/hook/') === true;
    if (isHook && given !== undefined && timingSafeEqual(digest(given), expectedOfHooks)) return null;
    if (sessions !== undefined && mayLook(incoming, sessions)) return null;
    const what =
      given === undefined ? 'no bearer token was sent' : 'the bearer token is not the one of this daemon';
    return refusal(401, what, 'Send "Authorization: Bearer <token>" with the token of daemon.json.');
  };
}

function isOwnOrigin(origin: string, port: number | undefined): boolean {
  return origin.startsWith('http://') && isOwnAuthority(origin.slice('http://'.length), port);
}

function isOwnAuthority(authority: string | undefined, port: number | undefined): boolean {
  const parts = /^(.+):(\d{1,5})$/.exec(authority?.toLowerCase() ?? '');
  return parts?.[1] !== undefined && ownNames.has(parts[1]) && Number(parts[2]) === port;
}

function refusal(status: 401 | 403, message: string, next: string) {
  return { status, error: new CollabError('UNAUTHORIZED', message, { next }) };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
