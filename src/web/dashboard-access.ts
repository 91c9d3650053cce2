/** How a browser shows that it may look at the dashboard: by the ticket of a link, then by the cookie that it got for it. */
import type { IncomingMessage } from 'node:http';
import { type DashboardSessions, sessionMs } from './dashboard-sessions.ts';

/** Below it the cookie is sent, also to other ports of this machine: no further than it has to. */
export const dashboardPath = '/dashboard';

export function isDashboard(url: string | undefined): boolean {
  return url !== undefined && /^\/dashboard(?:[/?]|$)/.test(url);
}

/** A cookie is good for all ports of a host, and two daemons may serve it: each has a name of its own. */
function cookieName(port: number | undefined): string {
  return `agent-collab-${port ?? 0}`;
}

export function sessionCookie(port: number | undefined, session: string): string {
  return `${cookieName(port)}=${session}; Path=${dashboardPath}; Max-Age=${sessionMs / 1000}; HttpOnly; SameSite=Strict`;
}

/** Over TCP, by address: a name may lead to another host by the time it is opened. */
export function dashboardLink(port: number, ticket: string): string {
  return `http://127.0.0.1:${port}${dashboardPath}?ticket=${ticket}`;
}

export function ticketOf(url: string | undefined): string | undefined {
  const query = url?.split('?', 2)[1];
  return query === undefined ? undefined : (new URLSearchParams(query).get('ticket') ?? undefined);
}

/** Reading only. A ticket is looked at, and used up by the route that redeems it. */
export function mayLook(
  { method, url, headers, socket }: IncomingMessage,
  sessions: DashboardSessions,
): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || !isDashboard(url)) return false;
  const ticket = ticketOf(url);
  if (ticket !== undefined && sessions.knows(ticket)) return true;
  if (!isOwnPage(headers)) return false;
  const name = `${cookieName(socket.localPort)}=`;
  const cookies = (headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  return cookies.some((cookie) => cookie.startsWith(name) && sessions.isGood(cookie.slice(name.length)));
}

/** A page of another port of this machine is of the same site to a browser, which sends our cookie with what it asks. */
function isOwnPage(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
