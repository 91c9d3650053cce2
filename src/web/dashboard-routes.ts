/** The dashboard: `GET /dashboard`, its files, and the stream of overviews that it shows. It reads and never changes anything. */
import type { Context, Hono } from 'hono';
import { CollabError } from '../base/errors.ts';
import { answer, errorOutcome } from './answer.ts';
import { dashboardPath, sessionCookie, ticketOf } from './dashboard-access.ts';
import { type DashboardFile, readLibrary, readOwnFile, readPage } from './dashboard-files.ts';
import type { DashboardSessions } from './dashboard-sessions.ts';
import type { EventStreams } from './event-streams.ts';
import type { WebEnv } from './web-env.ts';

/** What may be kept is asked for again all the same: the next start of the daemon may be of another version. */
const pageHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

export function addDashboardRoutes(
  app: Hono<WebEnv>,
  { streams, sessions }: { readonly streams: EventStreams; readonly sessions: DashboardSessions },
): void {
  app.get(dashboardPath, (c) => {
    const ticket = ticketOf(c.env.incoming.url);
    return ticket === undefined ? page() : enter(c, sessions.redeem(ticket));
  });
  app.get(`${dashboardPath}/app/:name`, async (c) => file(c, await readOwnFile(c.req.param('name'))));
  app.get(`${dashboardPath}/lib/:name`, async (c) => file(c, await readLibrary(c.req.param('name'))));
  app.get(`${dashboardPath}/events`, (c) => streams.answer(c, new Set(['overview'])));
}

/** To the page without the ticket, so that it stands neither in the address bar nor in the history. */
function enter({ env: { incoming } }: Context<WebEnv>, session: string | undefined): Response {
  const cookie =
    session === undefined ? {} : { 'set-cookie': sessionCookie(incoming.socket.localPort, session) };
  // Whose ticket was used up has a session, or is told at the page that it has none.
  return new Response(null, { status: 303, headers: { ...pageHeaders, location: dashboardPath, ...cookie } });
}

async function page(): Promise<Response> {
  const { body, type, policy } = await readPage();
  return new Response(body, {
    headers: { ...pageHeaders, 'content-type': type, 'content-security-policy': policy },
  });
}

function file({ req }: Context<WebEnv>, found: DashboardFile | undefined): Response {
  if (found !== undefined) {
    return new Response(found.body, { headers: { ...pageHeaders, 'content-type': found.type } });
  }
  return answer(
    errorOutcome(new CollabError('NOT_FOUND', `the dashboard has no file ${req.path.slice(0, 200)}`)),
  );
}

/** For a person at a browser who may not look, or not any more. */
export function refusalPage(status: number): Response {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>agent-collab</title>
<h1>This link is not, or no longer, good</h1>
<p>A link to the dashboard opens it once, within ten minutes. For a new one run
<p><code>agent-collab dashboard</code>
</html>
`;
  return new Response(html, {
    status,
    headers: {
      ...pageHeaders,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    },
  });
}
