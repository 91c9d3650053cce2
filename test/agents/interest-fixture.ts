/** Agents of several nodes on one log in memory, with a clock that moves when told to. */
import { AgentMemory } from '../../src/agents/agent-memory.ts';
import { AgentUpdates } from '../../src/agents/agent-updates.ts';
import { Interests } from '../../src/agents/interests.ts';
import type { AgentLocks } from '../../src/agents/ports.ts';
import { HybridClock } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId, RepoPath } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DeltaService } from '../../src/daemon/delta-service.ts';
import { interestLog } from '../../src/daemon/interest-log.ts';
import type { DeltaPayload, DeltaType } from '../../src/delta/delta.ts';
import { MemoryDeltaStore } from '../../src/store/memory-delta-store.ts';
import { testNode } from '../store/store-fixture.ts';
import { ManualClock } from '../support/manual-clock.ts';

export const app = 'example.com/acme/app' as ProjectId;
export const hourMs = 3_600_000;

export interface News {
  readonly by?: string;
  readonly path?: string;
  readonly project?: string;
  readonly type?: DeltaType;
}

/** No lock, no notice. */
const nothingHeld = {
  list: () => [],
  takeNotices: () => ({ notices: [], dropped: 0 }),
} as unknown as AgentLocks;

export class Nodes {
  readonly clock = new ManualClock();
  readonly store = new MemoryDeltaStore();
  readonly #hybrid = new HybridClock(this.clock);

  node(name: string): InterestNode {
    const { id: node } = testNode(name);
    const deltas = new DeltaService({ store: this.store, clock: this.#hybrid, node, logger: silentLogger });
    return new InterestNode(
      deltas,
      new Interests({ log: interestLog(deltas), node, clock: this.clock }),
      this.clock,
    );
  }
}

export class InterestNode {
  readonly deltas: DeltaService;
  readonly interests: Interests;
  readonly memory: AgentMemory;
  readonly #updates: AgentUpdates;

  constructor(deltas: DeltaService, interests: Interests, clock: ManualClock) {
    this.deltas = deltas;
    this.interests = interests;
    this.memory = new AgentMemory(clock);
    this.#updates = new AgentUpdates({
      locks: nothingHeld,
      log: {
        append: async () => {},
        latest: (filter) => deltas.store.getLatest(filter),
        byPath: (query) => deltas.store.getByPath(query),
        head: async () => (await deltas.store.stats()).head,
      },
      memory: this.memory,
      interests,
      noticeText: () => {
        throw new Error('there are no notices');
      },
    });
  }

  add(agent: string, patterns: readonly string[], lifeMs?: number) {
    return this.interests.add(agent as AgentId, app, patterns as readonly RepoPath[], lifeMs);
  }

  remove(agent: string, patterns?: readonly string[]) {
    return this.interests.remove(
      agent as AgentId,
      app,
      (it) => patterns === undefined || patterns.includes(it),
    );
  }

  async patterns(agent: string): Promise<readonly string[]> {
    return this.interests.of(agent as AgentId, app);
  }

  async tell(
    { by = 'bob', path, project = app, type = 'context' }: News,
    more: DeltaPayload = {},
  ): Promise<void> {
    const payload = { ...(path === undefined ? {} : { path }), content: 'a fact', ...more };
    await this.deltas.append(
      { agent: by as AgentId, project: project as ProjectId, type, payload },
      'accepted',
    );
  }

  async updates(agent: string, paths: readonly string[] = []): Promise<readonly string[]> {
    const { updates } = await this.#updates.take(agent as AgentId, app, paths);
    return updates.map(({ kind, path }) => `${kind} ${path}`);
  }
}
