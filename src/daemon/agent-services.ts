/** What the daemon does for agents, joined to its locks, its log and its audit trail. */
import { AgentMemory } from '../agents/agent-memory.ts';
import { AgentUpdates } from '../agents/agent-updates.ts';
import { CallClaims } from '../agents/call-claims.ts';
import { CommitCheck } from '../agents/commit-check.ts';
import { FileLooks } from '../agents/file-look.ts';
import { HookService } from '../agents/hook-service.ts';
import { Interests } from '../agents/interests.ts';
import { LeaseWatch } from '../agents/lease-watch.ts';
import type { AgentLog } from '../agents/ports.ts';
import { Violations } from '../agents/violations.ts';
import type { Clock } from '../base/clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { Config } from '../home/config.ts';
import type { LockTransition } from '../lock/outcome.ts';
import { formatTarget } from '../lock/target.ts';
import { SearchThread } from '../offload/search-thread.ts';
import type { EmbeddingSettings } from '../search/choose-embeddings.ts';
import { Budget } from '../usage/budget.ts';
import { PriceList, readPrices } from '../usage/price-list.ts';
import { UsageLog } from '../usage/usage-log.ts';
import type { AuditService } from './audit-service.ts';
import { readContexts } from './context-feed.ts';
import type { DeltaService } from './delta-service.ts';
import { interestLog } from './interest-log.ts';
import type { LockService } from './lock-service.ts';
import { noticeView } from './lock-views.ts';
import type { TargetResolver } from './targets.ts';

export interface AgentServiceParts {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly locks: LockService;
  readonly deltas: DeltaService;
  readonly audit: AuditService;
  readonly targets: TargetResolver;
  /** Where token usage is written; undefined in memory mode. */
  readonly metrics: string | undefined;
  readonly usage: Config['usage'];
  /** Where vectors are kept; undefined in memory mode. */
  readonly vectors: string | undefined;
  readonly search: Config['search'];
}

export type AgentServices = Awaited<ReturnType<typeof createAgentServices>>;

export async function createAgentServices(parts: AgentServiceParts) {
  const { clock, logger, locks, deltas, audit, targets } = parts;
  const { prices, warning } = await openPrices(parts.usage.pricesFile);
  if (warning !== undefined) logger.warn(warning);
  const usage = new UsageLog(parts.metrics, { clock, logger, prices });
  const { monthlyBudget } = parts.usage;
  const budget =
    monthlyBudget === null ? undefined : new Budget(monthlyBudget, { log: usage, prices, clock, logger });
  const memory = new AgentMemory(clock);
  const log: AgentLog = {
    append: async (draft) => {
      await deltas.append(draft, 'accepted');
    },
    latest: (filter) => deltas.store.getLatest(filter),
    byPath: (query) => deltas.store.getByPath(query),
    head: async () => (await deltas.store.stats()).head,
  };
  const files = new FileLooks(clock);
  const claims = new CallClaims(clock);
  const interests = new Interests({ log: interestLog(deltas), node: parts.node, clock });
  const updates = new AgentUpdates({ locks, log, memory, interests, noticeText: noticeView });
  const violations = new Violations({ audit, memory, clock });
  const watch = new LeaseWatch({ locks, memory, violations, files, logger });
  const places = {
    place: async (cwd: string, path: string) => {
      const placed = await targets.place(cwd, path);
      watch.knowRoot(placed.project, placed.root);
      return placed;
    },
  };
  const hooks = new HookService({
    places,
    locks,
    log,
    audit,
    memory,
    files,
    claims,
    updates,
    logger,
    noticeText: noticeView,
    wallMs: () => clock.wallMs(),
  });
  const search = new SearchThread({
    directory: parts.vectors,
    embeddings: embeddingSettings(parts.search),
    feed: readContexts(deltas.store),
  });
  return {
    claims,
    interests,
    updates,
    violations,
    watch,
    hooks,
    commits: new CommitCheck({ places, locks, violations, clock }),
    search,
    /** What a transition of a lock means to agents. */
    note: (transition: LockTransition) => noteTransition({ watch, memory }, transition),
    usage,
    budget,
    usageWarnings: async () => [
      ...(warning === undefined ? [] : [warning]),
      ...((await budget?.warnings()) ?? []),
    ],
  };
}

/** An empty setting means the service's own. */
function embeddingSettings({ provider, model, url }: Config['search']): EmbeddingSettings {
  return { provider, ...(model === '' ? {} : { model }), ...(url === '' ? {} : { url }) };
}

/** Own prices that cannot be read leave those of the program, and are spoken of. */
async function openPrices(path: string): Promise<{ prices: PriceList; warning: string | undefined }> {
  if (path === '') return { prices: new PriceList(), warning: undefined };
  try {
    return { prices: new PriceList(await readPrices(path)), warning: undefined };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      prices: new PriceList(),
      warning: `the prices in ${path} are not used (usage.pricesFile): ${why.slice(0, 200)}`,
    };
  }
}

interface TransitionParts {
  readonly watch: LeaseWatch;
  readonly memory: AgentMemory;
}

function noteTransition({ watch, memory }: TransitionParts, transition: LockTransition): void {
  if (transition.action === 'acquired') watch.acquired(transition.lock);
  else if (transition.action === 'denied') noteDenial(memory, transition);
  else if ('lock' in transition && transition.action !== 'renewed') watch.ended(transition.lock);
}

/** Tells a holder of those who were denied because of it. */
function noteDenial(
  memory: AgentMemory,
  { claim, denial, atMs }: Extract<LockTransition, { action: 'denied' }>,
): void {
  for (const blocker of denial.blockers) {
    // An agent of another node may have the same name as one of this node.
    if (blocker.kind !== 'lease' || blocker.node !== undefined) continue;
    const wanted = claim.targets.slice(0, 3).map(formatTarget).join(', ');
    const text = `${claim.agentName ?? claim.agent} was denied ${wanted} ("${claim.intention}") because you hold ${formatTarget(blocker.target)}`;
    memory.addDenial(blocker.holder, { text: text.slice(0, 400), path: blocker.target.path, atMs });
  }
}
