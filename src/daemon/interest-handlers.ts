/** The operations on interests: what agents want to hear about besides the files they work on. */
import type { Interest } from '../agents/interests.ts';
import { CollabError } from '../base/errors.ts';
import type { AgentId, NodeId, ProjectId, RepoPath } from '../base/ids.ts';
import type { Handlers } from '../control/handlers.ts';
import type { InterestView } from '../control/interest-views.ts';
import type { AgentHandlerParts } from './agent-handlers.ts';
import type { TargetResolver } from './targets.ts';
import { isoTime } from './views.ts';

export type InterestHandlers = Pick<Handlers, Extract<keyof Handlers, `interest.${string}`>>;

export function interestHandlers({ agents, locks, targets }: AgentHandlerParts): InterestHandlers {
  const { node } = agents;
  return {
    'interest.add': async ({ agent, cwd, patterns, forMs }) => {
      locks.touch(agent);
      const where = await locate(targets, cwd, patterns);
      const { interests } = await agents.open();
      const all = await interests.add(agent as AgentId, where.project, where.patterns, forMs);
      return { interests: all.map((one) => interestView(one, node)) };
    },
    'interest.remove': async ({ agent, cwd, patterns }) => {
      locks.touch(agent);
      const holder = { agent: agent as AgentId, project: await targets.project(cwd) };
      const { interests } = await agents.open();
      // As it is listed, or as it is written from here.
      const meant =
        patterns && new Set<string>([...patterns, ...(await locate(targets, cwd, patterns)).patterns]);
      const isMeant = (pattern: RepoPath) => meant === undefined || meant.has(pattern);
      const removed = await interests.remove(holder.agent, holder.project, isMeant);
      const left = await interests.list(holder);
      return { removed, interests: left.map((one) => interestView(one, node)) };
    },
    'interest.list': async ({ cwd, holder, agent }) => {
      locks.touch(agent);
      const { interests } = await agents.open();
      const found = await interests.list({
        ...(cwd === undefined ? {} : { project: await targets.project(cwd) }),
        ...(holder === undefined ? {} : { agent: holder as AgentId }),
      });
      return { interests: found.map((one) => interestView(one, node)) };
    },
  };
}

/** @throws INVALID_ARGUMENT for what is no pattern of this project; PATH_OUTSIDE_PROJECT, PROJECT_*. */
async function locate(
  targets: TargetResolver,
  cwd: string,
  patterns: readonly string[],
): Promise<{ readonly project: ProjectId; readonly patterns: readonly RepoPath[] }> {
  const project = await targets.project(cwd);
  const located = await Promise.all(patterns.map((pattern) => locateOne(targets, cwd, pattern)));
  const foreign = located.findIndex((one) => one.project !== project);
  if (foreign === -1) return { project, patterns: located.map(({ path }) => path) };
  throw new CollabError(
    'INVALID_ARGUMENT',
    `"${patterns[foreign]?.slice(0, 80)}" lies in another repository, ${located[foreign]?.project}`,
    { next: 'Ask for it from there.', details: { field: 'patterns' } },
  );
}

async function locateOne(targets: TargetResolver, cwd: string, pattern: string) {
  try {
    return await targets.path(cwd, pattern);
  } catch (error) {
    if (!(error instanceof CollabError) || error.code !== 'INVALID_PATH') throw error;
    // A pattern that can match nothing is a slip of the caller, whatever its spelling hurts.
    const { message, next } = error;
    throw new CollabError('INVALID_ARGUMENT', message, {
      ...(next === undefined ? {} : { next }),
      details: { field: 'patterns' },
      cause: error,
    });
  }
}

function interestView({ expiresAtMs, ...interest }: Interest, here: NodeId): InterestView {
  return { ...interest, expiresAt: isoTime(expiresAtMs), isHere: interest.node === here };
}
