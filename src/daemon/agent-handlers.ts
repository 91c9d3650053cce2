/** The operations of the control API that are about agents rather than locks. */
import type { PathConflict } from '../agents/commit-check.ts';
import { CollabError } from '../base/errors.ts';
import type { AgentId } from '../base/ids.ts';
import type { Handlers } from '../control/handlers.ts';
import type { CommitConflict } from '../control/results.ts';
import { pricesDate } from '../usage/model-prices.ts';
import type { AgentHost } from './agent-host.ts';
import type { LockService } from './lock-service.ts';
import { lockView } from './lock-views.ts';
import type { TargetResolver } from './targets.ts';

export interface AgentHandlerParts {
  readonly agents: AgentHost;
  readonly locks: Pick<LockService, 'touch' | 'agents'>;
  readonly targets: TargetResolver;
}

type AgentOperations = Pick<
  Handlers,
  | 'context.search'
  | 'context.cohesion'
  | 'agent.list'
  | 'agent.updates'
  | 'agent.identify'
  | 'usage.report'
  | 'usage.totals'
  | 'commit.check'
  | 'commit.report'
>;

const defaultHits = 10;
/** Contexts that a verdict may rest on. */
const cohesionHits = 20;

export function agentHandlers({ agents, locks, targets }: AgentHandlerParts): AgentOperations {
  const where = async (cwd: string | undefined, path: string | undefined) => {
    if (cwd === undefined) {
      if (path === undefined) return {};
      throw new CollabError('INVALID_ARGUMENT', 'path needs cwd', { details: { field: 'cwd' } });
    }
    return path === undefined ? { project: await targets.project(cwd) } : targets.path(cwd, path);
  };
  return {
    'context.search': async ({ query, cwd, path, limit, agent }) => {
      locks.touch(agent);
      const scope = await where(cwd, path);
      const { search } = await agents.open();
      const answer = await search.search({ text: query, ...scope, limit: limit ?? defaultHits });
      return { ...answer, hits: answer.hits.map(({ project, ...hit }) => hit) };
    },
    'context.cohesion': async ({ cwd, path, text, agent }) => {
      locks.touch(agent);
      const { search } = await agents.open();
      return search.judge({ text, ...(await where(cwd, path)), limit: cohesionHits });
    },
    'agent.list': async ({ agent }) => {
      locks.touch(agent);
      return { agents: locks.agents() };
    },
    'agent.updates': async ({ agent, cwd, paths }) => {
      locks.touch(agent);
      return (await agents.open()).updates.take(agent as AgentId, await targets.project(cwd), paths);
    },
    'agent.identify': async ({ tool, input, session }) => ({
      agent: (await agents.open()).claims.take(tool, input, session as AgentId | undefined) ?? null,
    }),
    'usage.report': async ({ agent, tokens, model, category, direction, metadata }) => {
      locks.touch(agent);
      const { usage, budget } = await agents.open();
      const record = usage.record({
        tokens,
        model,
        category: category ?? 'other',
        metadata: { ...metadata, ...(direction === undefined ? {} : { direction }), agent },
      });
      await budget?.add(record);
      return { id: record.id };
    },
    'usage.totals': async ({ fromDay, toDay }) => {
      const { usage } = await agents.open();
      return { ...(await usage.totals(fromDay, toDay)), pricesDate };
    },
    'commit.check': async ({ agent, cwd, paths }) => {
      locks.touch(agent);
      const { commits } = await agents.open();
      return { conflicts: (await commits.check(agent as AgentId, cwd, paths)).map(conflictView) };
    },
    'commit.report': async ({ agent, cwd, commit, paths }) => {
      locks.touch(agent);
      const { commits } = await agents.open();
      const found = await commits.report(agent as AgentId, cwd, commit, paths);
      return { violations: found.map(conflictView) };
    },
  };
}

function conflictView({ path, lock }: PathConflict): CommitConflict {
  return { path, lock: lockView(lock) };
}
