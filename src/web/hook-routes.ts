/** `POST /v1/hook/<client>`: the event of a client's hook, answered in the client's own form rather than in an envelope. */
import type { Hono } from 'hono';
import { maxHookBytes } from '../base/limits.ts';
import { readCarrier } from '../control/tracing.ts';
import { answer, errorOutcome, jsonHeaders, publicError } from './answer.ts';
import type { OperationParts } from './operation-routes.ts';
import { readJsonBody } from './request-body.ts';
import type { WebEnv } from './web-env.ts';

export function addHookRoutes(app: Hono<WebEnv>, { service, limits, logger }: OperationParts): void {
  app.post('/v1/hook/:client', async (c) => {
    try {
      const event = await readJsonBody(c.env.incoming, limits.maxBodyValues, maxHookBytes);
      const client = c.req.param('client');
      const about = { 'agent_collab.client': client.slice(0, 40) };
      const trace = readCarrier(c.env.incoming.headers);
      const decision = await service.tracing.span('hook', trace, about, () => service.hook(client, event));
      return new Response(JSON.stringify(decision), {
        headers: jsonHeaders,
      });
    } catch (error) {
      return answer(errorOutcome(publicError(error, logger, 'hook')));
    }
  });
}
