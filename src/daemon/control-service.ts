/** The operations of the control API, carried out: each handler is a few lines between a request and a service. */

import type { Clock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { CollabError } from '../base/errors.ts';
import { type HlcTime, hlcFromMs } from '../base/hybrid-clock.ts';
import type { AgentId, LockId, ProjectId, RepoPath } from '../base/ids.ts';
import type { ControlService, Handlers, RequestContext } from '../control/handlers.ts';
import type { OperationInput } from '../control/operations.ts';
import type {
  Notice,
  OperationResult,
  StatusView,
  StreamEvent,
  StreamKind,
  WhyView,
} from '../control/results.ts';
import type { Tracing } from '../control/tracing.ts';
import { hookClients } from '../hook/hook-event.ts';
import { parseTarget } from '../lock/claim.ts';
import { onNode } from '../lock/lock.ts';
import { formatTarget } from '../lock/target.ts';
import { exposeText } from '../metrics/exposition.ts';
import { agentHandlers } from './agent-handlers.ts';
import type { AgentHost } from './agent-host.ts';
import type { AuditService } from './audit-service.ts';
import type { DeltaService } from './delta-service.ts';
import { interestHandlers } from './interest-handlers.ts';
import type { LockAgreement } from './lock-agreement.ts';
import type { LockService } from './lock-service.ts';
import { lockView, noticeView, refusalError, waiterView } from './lock-views.ts';
import { listLog } from './log-listing.ts';
import type { DaemonMetrics } from './metrics-report.ts';
import type { OverviewReport } from './overview-report.ts';
import { peerHandlers } from './peer-handlers.ts';
import type { PeerService } from './peer-service.ts';
import type { RetentionSchedule } from './retention-schedule.ts';
import { type SecretPolicy, screenSecrets } from './secret-screen.ts';
import type { OpenStores } from './stores.ts';
import type { TargetResolver } from './targets.ts';
import { auditView, contextView, deltaView } from './views.ts';

export interface ControlComponents {
  readonly clock: Clock;
  readonly stores: OpenStores;
  readonly locks: LockService;
  readonly deltas: DeltaService;
  readonly audit: AuditService;
  readonly targets: TargetResolver;
  readonly peers: PeerService;
  readonly agreement: LockAgreement;
  readonly agents: AgentHost;
  /** Makes a backup in `to`, or in backups/ of the data directory. */
  readonly backup: (to: string | undefined) => Promise<OperationResult<'backup'>>;
  readonly retention: Pick<RetentionSchedule, 'run'>;
  /** What becomes of secrets in what is shared. */
  readonly secrets: SecretPolicy;
  /** The parts of a status that the daemon itself knows. */
  readonly status: (project: ProjectId | null) => Promise<StatusView>;
  readonly hookEndpoint: Handlers['hook.endpoint'];
  readonly dashboardLink: Handlers['dashboard.link'];
  readonly metrics: DaemonMetrics;
  readonly tracing: Tracing;
  readonly overview: OverviewReport['feed'];
  /** Starts the shutdown; returns at once. */
  readonly shutdown: () => number;
}

const defaultListLimit = 50;

export class DaemonControl implements ControlService {
  readonly handlers: Handlers;
  readonly tracing: Tracing;
  readonly #parts: ControlComponents;

  constructor(components: ControlComponents) {
    this.#parts = components;
    this.tracing = components.tracing;
    this.handlers = {
      status: async ({ cwd }) =>
        this.#parts.status(cwd === undefined ? null : await this.#projectOrNull(cwd)),
      'lock.acquire': (input, request) => this.#acquire(input, request),
      'lock.release': async ({ id, agent, fence }) => {
        this.#parts.locks.touch(agent);
        return { released: lockView(this.#parts.locks.release(id as LockId, agent as AgentId, fence)) };
      },
      'lock.renew': async ({ id, agent, ttlMs, fence }) => {
        this.#parts.locks.touch(agent);
        const options = {
          ...(ttlMs === undefined ? {} : { ttlMs }),
          ...(fence === undefined ? {} : { fence }),
        };
        return { lock: lockView(await this.#parts.locks.renew(id as LockId, agent as AgentId, options)) };
      },
      'lock.check': (input) => this.#check(input),
      'lock.list': (input) => this.#listLocks(input),
      'lock.force': async ({ id, by, reason }) => ({
        released: lockView(await this.#parts.locks.force(id as LockId, by, reason)),
      }),
      why: (input) => this.#why(input),
      'context.share': (input) => this.#share(input),
      'context.list': (input) => this.#listContexts(input),
      'context.show': async ({ id, agent }) => {
        this.#parts.locks.touch(agent);
        const delta = await this.#parts.deltas.find(id);
        if (delta.type === 'context') return { context: contextView(delta) };
        throw new CollabError('NOT_FOUND', `${delta.id} is a ${delta.type}, not a shared context`, {
          next: 'See it with: agent-collab log.',
        });
      },
      ...agentHandlers(components),
      ...interestHandlers(components),
      'hook.endpoint': components.hookEndpoint,
      'dashboard.link': components.dashboardLink,
      log: (input) => this.#log(input),
      audit: (input) => this.#audit(input),
      verify: ({ repair }) => (repair === true ? this.#parts.stores.repair() : this.#parts.stores.verify()),
      backup: ({ to }) => this.#parts.backup(to),
      compact: () => this.#parts.retention.run(),
      ...peerHandlers(this.#parts.peers, this.#parts.agreement),
      shutdown: async () => ({ pid: this.#parts.shutdown() }),
    };
  }

  async metrics(): Promise<string> {
    const status = await this.#parts.status(null);
    return exposeText(this.#parts.metrics.report(status, this.#parts.clock.wallMs()));
  }

  async hook(client: string, event: unknown): Promise<Readonly<Record<string, unknown>>> {
    const known = hookClients.find((name) => name === client);
    if (known !== undefined) return (await this.#parts.agents.open()).hooks.handle(known, event);
    throw new CollabError('NOT_FOUND', `no client is called ${client.slice(0, 40)}`, {
      next: `Send hook events as one of ${hookClients.join(', ')}.`,
    });
  }

  takeNotices(agent: string): readonly Notice[] {
    const { notices, dropped } = this.#parts.locks.takeNotices(agent as AgentId);
    const views = notices.map(noticeView);
    const [first] = views;
    if (dropped === 0 || first === undefined) return views;
    return [
      { ...first, message: `${dropped} older notices were not kept. ${first.message}` },
      ...views.slice(1),
    ];
  }

  subscribe(kinds: ReadonlySet<StreamKind>, listener: (event: StreamEvent) => void): () => void {
    const ends: (() => void)[] = [];
    if (kinds.has('delta')) {
      ends.push(this.#parts.deltas.subscribe((delta) => listener({ kind: 'delta', data: deltaView(delta) })));
    }
    if (kinds.has('audit')) {
      ends.push(this.#parts.audit.subscribe((event) => listener({ kind: 'audit', data: auditView(event) })));
    }
    if (kinds.has('overview')) {
      ends.push(this.#parts.overview.subscribe((data) => listener({ kind: 'overview', data })));
    }
    return () => {
      for (const end of ends) end();
    };
  }

  async #acquire(
    input: OperationInput<'lock.acquire'>,
    request: RequestContext,
  ): Promise<OperationResult<'lock.acquire'>> {
    const { cwd, targets, ...claim } = input;
    this.#parts.locks.touch(input.agent);
    // An intention goes into the audit trail and to every member.
    const intention = screenSecrets({ intention: claim.intention }, this.#parts.secrets).screened.intention;
    const resolved = await Promise.all(targets.map((target) => this.#parts.targets.target(cwd, target)));
    const lock = await this.#parts.locks.acquire({ ...claim, intention, targets: resolved }, request.signal);
    return { lock: lockView(lock) };
  }

  async #check({ id, agent, fence }: OperationInput<'lock.check'>): Promise<OperationResult<'lock.check'>> {
    this.#parts.locks.touch(agent);
    const checked = this.#parts.locks.check(id as LockId, fence);
    if (checked.outcome === 'valid') return { valid: true, lock: lockView(checked.lock) };
    throw refusalError(id, checked);
  }

  async #listLocks(input: OperationInput<'lock.list'>): Promise<OperationResult<'lock.list'>> {
    const { cwd, path, holder, agent } = input;
    this.#parts.locks.touch(agent);
    const { locks, waiters } = await this.#heldIn(cwd, path);
    return {
      locks: locks.filter((lock) => holder === undefined || lock.holder === holder).map(lockView),
      waiters: waiters.filter((waiter) => holder === undefined || waiter.agent === holder).map(waiterView),
    };
  }

  /** What overlaps a path, what is in a project, or everything. */
  async #heldIn(cwd: string | undefined, path: string | undefined): Promise<WhyResult> {
    const { locks, targets } = this.#parts;
    if (path !== undefined) return locks.why(parseTarget(await targets.target(needCwd(cwd), { path })));
    if (cwd === undefined) return { locks: locks.list({}), waiters: locks.waiters() };
    const project = await targets.project(cwd);
    const waiters = locks
      .waiters()
      .filter((waiter) => waiter.targets.some((target) => target.project === project));
    return { locks: locks.list({ project }), waiters };
  }

  async #why({ cwd, target, agent }: OperationInput<'why'>): Promise<WhyView> {
    this.#parts.locks.touch(agent);
    const parsed = parseTarget(await this.#parts.targets.target(cwd, target));
    const { locks, waiters } = this.#parts.locks.why(parsed);
    return {
      target: formatTarget(parsed),
      project: parsed.project,
      free: locks.length === 0 && waiters.length === 0,
      locks: locks.map(lockView),
      waiters: waiters.map(waiterView),
      explanation: explain(formatTarget(parsed), locks, waiters, this.#parts.clock.wallMs()),
    };
  }

  async #share(input: OperationInput<'context.share'>): Promise<OperationResult<'context.share'>> {
    const { agent, cwd, path, content, tags = [], metadata } = input;
    this.#parts.locks.touch(agent);
    const where = await this.#parts.targets.path(cwd, path);
    const supersedes =
      input.supersedes === undefined ? undefined : await this.#toSupersede(input.supersedes, where.project);
    const said = {
      content,
      ...(tags.length === 0 ? {} : { tags }),
      ...(metadata === undefined ? {} : { metadata }),
    };
    const { screened, redacted } = screenSecrets(said, this.#parts.secrets);
    const durability = input.durability ?? 'flushed';
    const payload = { path: where.path, ...screened, ...(supersedes === undefined ? {} : { supersedes }) };
    const draft = { agent: agent as AgentId, project: where.project, type: 'context', payload } as const;
    return { context: contextView(await this.#parts.deltas.append(draft, durability)), durability, redacted };
  }

  /** @returns the whole id. @throws NOT_FOUND, INVALID_ARGUMENT when it is no context of the project. */
  async #toSupersede(id: string, project: ProjectId): Promise<string> {
    const delta = await this.#parts.deltas.find(id);
    if (delta.type === 'context' && delta.project === project) return delta.id;
    throw new CollabError('INVALID_ARGUMENT', `${delta.id} is no shared context of this project`, {
      next: 'Take an id from agent-collab context list.',
      details: { field: 'supersedes' },
    });
  }

  async #listContexts(input: OperationInput<'context.list'>): Promise<OperationResult<'context.list'>> {
    const { tag, limit = defaultListLimit } = input;
    this.#parts.locks.touch(input.agent);
    const where = await this.#where(input.cwd, input.path);
    const listing = { ...where, type: 'context', tag, limit } as const;
    return { contexts: (await listLog(this.#parts.stores.deltas, listing)).deltas.map(contextView) };
  }

  async #log(input: OperationInput<'log'>): Promise<OperationResult<'log'>> {
    const { cwd, path, source, limit = defaultListLimit, ...rest } = input;
    const sources = source === undefined ? undefined : this.#parts.deltas.sourcesEndingWith(source);
    const where = await this.#where(cwd, path);
    const page = await listLog(this.#parts.stores.deltas, { ...rest, ...where, sources, limit });
    return {
      deltas: page.deltas.map(deltaView),
      ...(page.before === undefined ? {} : { before: page.before }),
    };
  }

  async #audit(input: OperationInput<'audit'>): Promise<OperationResult<'audit'>> {
    const { cwd, path, holder, lock, action, fromMs, toMs, limit = defaultListLimit, cursor } = input;
    const where = await this.#where(cwd, path);
    const page = await this.#parts.audit.store.query({
      ...where,
      limit,
      ...(holder === undefined ? {} : { holder: holder as AgentId }),
      ...(lock === undefined ? {} : { lock: lock as LockId }),
      ...(action === undefined ? {} : { action }),
      ...(fromMs === undefined ? {} : { from: hlcFromMs(fromMs) }),
      ...(toMs === undefined ? {} : { to: hlcFromMs(toMs) }),
      ...(cursor === undefined ? {} : { cursor: cursor as HlcTime }),
    });
    return {
      events: page.events.map(auditView),
      ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
      ...(page.behind === undefined ? {} : { behind: page.behind.message }),
    };
  }

  /** A path needs a directory to be relative to; a directory alone stands for its project. */
  async #where(
    cwd: string | undefined,
    path: string | undefined,
  ): Promise<{ readonly project?: ProjectId; readonly path?: RepoPath }> {
    if (path !== undefined) return this.#parts.targets.path(needCwd(cwd), path);
    return cwd === undefined ? {} : { project: await this.#parts.targets.project(cwd) };
  }

  async #projectOrNull(cwd: string): Promise<ProjectId | null> {
    try {
      return await this.#parts.targets.project(cwd);
    } catch (error) {
      // A status must come also from a directory that is gone.
      if (error instanceof CollabError) return null;
      throw error;
    }
  }
}

function needCwd(cwd: string | undefined): string {
  if (cwd !== undefined) return cwd;
  throw new CollabError('INVALID_ARGUMENT', 'path needs cwd', { details: { field: 'cwd' } });
}

type WhyResult = ReturnType<LockService['why']>;

function explain(
  target: string,
  locks: WhyResult['locks'],
  waiters: WhyResult['waiters'],
  nowMs: number,
): string {
  const held = locks.map(
    (lock) =>
      `${lock.holderName ?? lock.holder}${onNode(lock)} holds ${lock.targets.map(formatTarget).join(', ')} for "${lock.intention}", for another ${formatDuration(lock.expiresAtMs - nowMs)}`,
  );
  const waiting = waiters.map(
    (waiter) => `${waiter.agentName ?? waiter.agent}${onNode(waiter)} waits for it: "${waiter.intention}"`,
  );
  return held.length + waiting.length === 0 ? `${target} is free.` : `${[...held, ...waiting].join('. ')}.`;
}
