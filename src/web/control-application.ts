/** All routes of the daemon, for both listeners. A further concern is a file of its own and a line here. */
import { type Context, Hono } from 'hono';
import { CollabError } from '../base/errors.ts';
import { answer, errorOutcome, publicError, successOutcome } from './answer.ts';
import { addDashboardRoutes } from './dashboard-routes.ts';
import type { DashboardSessions } from './dashboard-sessions.ts';
import type { EventStreams } from './event-streams.ts';
import { addHookRoutes } from './hook-routes.ts';
import { addOperationRoutes, type OperationParts } from './operation-routes.ts';
import type { WebEnv } from './web-env.ts';

/** Prometheus' text form, version 0.0.4. */
const metricsHeaders = {
  'content-type': 'text/plain; version=0.0.4; charset=utf-8',
  'cache-control': 'no-store',
};

export interface ApplicationParts extends OperationParts {
  readonly streams: EventStreams;
  /** @default there is no dashboard */
  readonly sessions?: DashboardSessions;
  /** Serves MCP at `/mcp`. @default nothing is there */
  readonly mcp?: (request: Request) => Promise<Response>;
}

export function createControlApplication(parts: ApplicationParts): Hono<WebEnv> {
  const app = new Hono<WebEnv>();
  app.get('/v1/health', () => answer(successOutcome({ ok: true })));
  app.get('/metrics', async () => new Response(await parts.service.metrics(), { headers: metricsHeaders }));
  addOperationRoutes(app, parts);
  addHookRoutes(app, parts);
  parts.streams.addRoutes(app);
  const { mcp, sessions, streams } = parts;
  if (sessions !== undefined) addDashboardRoutes(app, { streams, sessions });
  if (mcp !== undefined) app.on(['GET', 'POST', 'DELETE'], '/mcp', (c) => mcp(c.req.raw));
  refuseOtherMethods(app);
  app.notFound((c) => {
    const error = new CollabError('NOT_FOUND', `there is nothing at ${c.req.path.slice(0, 200)}`, {
      next: 'docs/API.md lists what the daemon offers.',
    });
    return answer(errorOutcome(error));
  });
  app.onError((error, c) => answer(errorOutcome(publicError(error, parts.logger, c.req.path))));
  return app;
}

/** Must come after the routes: a path that they know, asked with a method that they do not, ends here. */
function refuseOtherMethods(app: Hono<WebEnv>): void {
  const methods = new Map<string, string[]>();
  for (const { path, method } of app.routes) methods.set(path, [...(methods.get(path) ?? []), method]);
  for (const [path, allowed] of methods) {
    const allow = allowed.join(', ');
    app.all(path, (c: Context<WebEnv>) => {
      const error = new CollabError('NOT_FOUND', `${path} does not take ${c.req.method}`, {
        next: `Use ${allow}.`,
      });
      return answer(errorOutcome(error, 405), [], { allow });
    });
  }
}
