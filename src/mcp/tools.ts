/** The twelve tools, each a few lines between its arguments and an operation of the control API. */
import { CollabError } from '../base/errors.ts';
import type { OperationInput, OperationName } from '../control/operations.ts';
import type { LockView, OperationResult, TargetView } from '../control/results.ts';
import type { ToolInput, ToolName, ToolOutput } from './tool-schemas.ts';

/** What one call may use. */
export interface ToolCall {
  /** Who asks; @throws UNIDENTIFIED_AGENT when nobody can tell. */
  readonly agent: () => string;
  /** The same where it does not matter much. */
  readonly agentIfKnown: string | undefined;
  /** @throws INVALID_ARGUMENT when there is none and the path is relative. */
  readonly cwdFor: (path: string) => string;
  readonly operation: <Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
  ) => Promise<OperationResult<Name>>;
}

interface Tool<Name extends ToolName> {
  readonly description: string;
  /** MCP's hints: what the tool does to the world. */
  readonly effect: 'reads' | 'adds' | 'changes';
  readonly run: (input: ToolInput<Name>, call: ToolCall) => Promise<ToolOutput<Name>>;
}

/** An answer that a model has to read whole: more is rarely of use to it. */
const maxLocks = 30;
const maxHitChars = 2000;

export const tools: { readonly [Name in ToolName]: Tool<Name> } = {
  acquire_lock: {
    description:
      'Lock files, lines, symbols or globs before editing them; all or none. A denial says who holds them and what to do. Edits are locked by hooks anyway: use this to reserve ahead or to wait.',
    effect: 'adds',
    run: async ({ targets, intention, shared, ttl_s, wait_ms, priority }, call) => {
      try {
        const { lock } = await call.operation('lock.acquire', {
          agent: call.agent(),
          cwd: call.cwdFor(targets[0] ?? ''),
          targets,
          intention,
          ...(shared === true ? { mode: 'shared' } : {}),
          ...(ttl_s === undefined ? {} : { ttlMs: ttl_s * 1000 }),
          ...(wait_ms === undefined ? {} : { waitMs: wait_ms }),
          ...(priority === undefined ? {} : { priority }),
        });
        return { granted: true, lock: lockOf(lock) };
      } catch (error) {
        return { granted: false, denial: denialOf(error) };
      }
    },
  },
  release_lock: {
    description: 'Give a lock back when the work on it is done.',
    effect: 'changes',
    run: async ({ id, fence }, call) => {
      const { released } = await call.operation('lock.release', {
        id,
        agent: call.agent(),
        ...fenceOf(fence),
      });
      return { released: released.id };
    },
  },
  renew_lock: {
    description: 'Extend a lock. Any activity of yours extends it too.',
    effect: 'changes',
    run: async ({ id, fence, ttl_s }, call) => {
      const ttl = ttl_s === undefined ? {} : { ttlMs: ttl_s * 1000 };
      const { lock } = await call.operation('lock.renew', {
        id,
        agent: call.agent(),
        ...fenceOf(fence),
        ...ttl,
      });
      return { id: lock.id, fence: lock.fence, expires_at: lock.expiresAt };
    },
  },
  check_lock: {
    description: 'Ask whether a lock is still held.',
    effect: 'reads',
    run: async ({ id, fence }, call) => {
      try {
        const checked = await call.operation('lock.check', { id, ...fenceOf(fence), ...agentOf(call) });
        return checked.valid
          ? { valid: true, expires_at: checked.lock.expiresAt }
          : { valid: false, reason: checked.message };
      } catch (error) {
        if (!(error instanceof CollabError) || !endedCodes.has(error.code)) throw error;
        return {
          valid: false,
          reason: error.message,
          ...(error.next === undefined ? {} : { next: error.next }),
        };
      }
    },
  },
  list_locks: {
    description: 'List locks and waiting claims, of the project or of a path.',
    effect: 'reads',
    run: async ({ path, mine }, call) => {
      const { locks, waiters } = await call.operation('lock.list', {
        cwd: call.cwdFor(path ?? '.'),
        ...(path === undefined ? {} : { path }),
        ...(mine === true ? { holder: call.agent() } : {}),
        ...agentOf(call),
      });
      const waiting = waiters.slice(0, maxLocks).map(({ agent, targets, intention }) => ({
        agent,
        targets: textsOf(targets),
        intention,
      }));
      const more = Math.max(0, locks.length - maxLocks) + Math.max(0, waiters.length - maxLocks);
      return { locks: locks.slice(0, maxLocks).map(lockOf), waiting, more };
    },
  },
  why: {
    description: 'Explain who holds or waits for a target, and what for.',
    effect: 'reads',
    run: async ({ target }, call) => {
      const input = { cwd: call.cwdFor(target), target, ...agentOf(call) };
      const { free, explanation } = await call.operation('why', input);
      return { free, explanation };
    },
  },
  share_context: {
    description: 'Tell the other agents what you learned or decided about a path; kept for good.',
    effect: 'adds',
    run: async ({ path, content, tags, metadata, supersedes }, call) => {
      const { context, durability, redacted } = await call.operation('context.share', {
        agent: call.agent(),
        cwd: call.cwdFor(path),
        path,
        content,
        ...(tags === undefined ? {} : { tags }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(supersedes === undefined ? {} : { supersedes }),
      });
      const leftOut = redacted.map(({ kind, count }) => (count === 1 ? kind : `${count} × ${kind}`));
      return {
        id: context.id,
        path: context.path,
        durability,
        ...(leftOut.length === 0 ? {} : { redacted: leftOut }),
      };
    },
  },
  search_similar: {
    description: 'Search what was shared. Look here before starting on unknown code.',
    effect: 'reads',
    run: async ({ query, path, limit }, call) => {
      const { method, hits } = await call.operation('context.search', {
        query,
        cwd: call.cwdFor(path ?? '.'),
        ...(path === undefined ? {} : { path }),
        limit: limit ?? 5,
        ...agentOf(call),
      });
      const shown = hits.map(({ id, path: about, agent, content, score, time, supersededBy }) => ({
        id,
        path: about,
        agent,
        content: content.slice(0, maxHitChars),
        score,
        time,
        ...(supersededBy === undefined ? {} : { superseded_by: supersededBy }),
      }));
      return { method, hits: shown };
    },
  },
  get_updates: {
    description: 'Unread news about your files: lost locks, changes and denials by others, new context.',
    effect: 'changes',
    run: async ({ paths, keep_minutes }, call) => {
      const who = { agent: call.agent(), cwd: call.cwdFor('.') };
      if (keep_minutes !== undefined && paths !== undefined && paths.length > 0)
        await call.operation('interest.add', { ...who, patterns: paths, forMs: keep_minutes * 60_000 });
      const more = paths === undefined ? {} : { paths };
      const view = await call.operation('agent.updates', { ...who, ...more });
      return { ...view, updates: view.updates.map((update) => ({ ...update })) };
    },
  },
  check_cohesion: {
    description: 'Check a plan (before) or a result (after) against shared context; gives the passages.',
    effect: 'reads',
    run: async ({ text, when, path }, call) => {
      const { verdict, method, evidence } = await call.operation('context.cohesion', {
        text,
        when,
        cwd: call.cwdFor(path ?? '.'),
        ...(path === undefined ? {} : { path }),
        ...agentOf(call),
      });
      const passages = evidence.map(({ id, path: about, agent, passage, says, reason }) => ({
        id,
        path: about,
        agent,
        passage,
        says,
        reason,
      }));
      return { verdict, method, evidence: passages };
    },
  },
  cluster_status: {
    description: 'State of the daemon, its peers and its locks.',
    effect: 'reads',
    run: async (_input, call) => {
      const cwd = call.cwdFor('.');
      const status = await call.operation('status', { cwd });
      return {
        node: status.node,
        version: status.version,
        project: status.project,
        cluster: status.cluster === null ? null : JSON.stringify(status.cluster),
        peers: status.peers.length,
        locks: status.locks.held,
        waiting: status.locks.waiting,
        agents: status.locks.agents,
        violations: status.violations.count,
        storage: status.storage,
        warnings: [...status.warnings],
      };
    },
  },
  report_usage: {
    description: 'Record tokens that you used.',
    effect: 'adds',
    run: async ({ tokens, model, category, direction }, call) => {
      const which = {
        ...(category === undefined ? {} : { category }),
        ...(direction === undefined ? {} : { direction }),
      };
      return call.operation('usage.report', { agent: call.agent(), tokens, model, ...which });
    },
  },
};

const denialCodes: ReadonlySet<string> = new Set([
  'LOCK_DENIED',
  'LOCK_DEADLOCK',
  'LOCK_RATE_LIMITED',
  'LOCK_LIMIT',
]);
const endedCodes: ReadonlySet<string> = new Set(['LOCK_NOT_HELD', 'LOCK_STALE_FENCE', 'LOCK_NOT_HOLDER']);

/** @throws the error itself, when it is no denial. */
function denialOf(error: unknown): NonNullable<ToolOutput<'acquire_lock'>['denial']> {
  if (!(error instanceof CollabError) || !denialCodes.has(error.code)) throw error;
  const { holder, intention, expiresAt, overlap, lockId } = error.details ?? {};
  const texts = Object.entries({ holder, intention, expires_at: expiresAt, overlap, lock_id: lockId });
  return {
    message: error.message,
    next: (error.next ?? '').replace('--wait 2m; waitMs in the API', 'wait_ms'),
    ...Object.fromEntries(texts.filter(([, value]) => typeof value === 'string')),
  };
}

function lockOf(lock: LockView): NonNullable<ToolOutput<'acquire_lock'>['lock']> {
  const { id, fence, targets, holder, mode, intention, expiresAt, assurance } = lock;
  const node = lock.nodeName ?? lock.node;
  return {
    id,
    fence,
    targets: textsOf(targets),
    holder,
    mode,
    intention,
    expires_at: expiresAt,
    assurance,
    ...(node === undefined ? {} : { node }),
  };
}

function textsOf(targets: readonly TargetView[]): string[] {
  return targets.map(({ text }) => text);
}

function fenceOf(fence: number | undefined): { readonly fence?: number } {
  return fence === undefined ? {} : { fence };
}

function agentOf({ agentIfKnown }: ToolCall): { readonly agent?: string } {
  return agentIfKnown === undefined ? {} : { agent: agentIfKnown };
}
