/** What the daemon remembers of the agents whose hooks it hears: what each saw, and what it is doing. Bounded, and lost with a restart. */
import type { Clock } from '../base/clock.ts';
import type { AgentId, LockId, ProjectId, RepoPath } from '../base/ids.ts';
import { sessionOf } from '../hook/hook-event.ts';
import type { FileLook } from './file-look.ts';
import type { PlacedPath } from './ports.ts';

/** A file that a call under way is about to write. */
export interface CallFile extends PlacedPath {
  readonly absolute: string;
  readonly before: FileLook;
}

export interface CallUnderWay {
  readonly agent: AgentId;
  readonly tool: string;
  readonly files: readonly CallFile[];
  /** It may write more than is known, as any program does. */
  readonly mayWriteMore: boolean;
  readonly sinceMs: number;
}

export class AgentRecord {
  readonly id: AgentId;
  name: string | undefined;
  project: ProjectId | undefined;
  /** Real path → hash of what the agent saw there last. The oldest first. */
  readonly seen = new Map<string, string>();
  /** Real paths of which the log knows nothing by this agent from before a restart. */
  readonly asked = new Set<string>();
  /** Its client tells when it reads: then it can be asked to read again. */
  reportsReads = false;
  readonly calls = new Map<string, CallUnderWay>();
  /** Leases that the hook took for it. */
  readonly automatic = new Set<LockId>();
  /** Paths that concern it, by project. The oldest first. */
  readonly paths = new Map<string, { readonly project: ProjectId; readonly path: RepoPath }>();
  /** Up to where in the log it was told. */
  toldUpTo: number | undefined;
  /** What others were denied because of it. */
  readonly denials: { readonly text: string; readonly path: string; readonly atMs: number }[] = [];
  lastMs = 0;

  constructor(id: AgentId) {
    this.id = id;
  }
}

const maxAgents = 1000;
const maxSeen = 2000;
const maxPaths = 500;
const maxCalls = 50;
const maxDenials = 20;
/** A call that has not ended by then never told of its end. */
const callLimitMs = 3_600_000;
const momentMs = 1000;

export class AgentMemory {
  readonly #clock: Clock;
  /** In order of their last sign of life. */
  readonly #agents = new Map<AgentId, AgentRecord>();
  /** Calls that ended a moment ago, and when. */
  #ended: { readonly call: CallUnderWay; readonly atMs: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A sign of life. */
  reach(id: AgentId): AgentRecord {
    const record = this.#agents.get(id) ?? new AgentRecord(id);
    record.lastMs = this.#clock.monotonicMs();
    this.#agents.delete(id);
    this.#agents.set(id, record);
    for (const oldest of this.#agents.keys()) {
      if (this.#agents.size <= maxAgents) break;
      this.#agents.delete(oldest);
    }
    return record;
  }

  get(id: AgentId): AgentRecord | undefined {
    return this.#agents.get(id);
  }

  /** A session and its sub-agents, as far as they are known. */
  family(session: AgentId): readonly AgentRecord[] {
    return [...this.#agents.values()].filter(({ id }) => sessionOf(id) === session);
  }

  forget(id: AgentId): void {
    this.#agents.delete(id);
  }

  sawFile(record: AgentRecord, file: PlacedPath & { readonly absolute: string }, hash: string): void {
    record.asked.delete(file.absolute);
    remember(record.seen, file.absolute, hash, maxSeen);
    this.concerns(record, file.project, file.path);
  }

  concerns(record: AgentRecord, project: ProjectId, path: RepoPath): void {
    record.project = project;
    remember(record.paths, `${project}\0${path}`, { project, path }, maxPaths);
  }

  begin(record: AgentRecord, key: string, call: Omit<CallUnderWay, 'sinceMs'>): void {
    remember(record.calls, key, { ...call, sinceMs: this.#clock.monotonicMs() }, maxCalls);
  }

  end(record: AgentRecord, key: string): CallUnderWay | undefined {
    const call = record.calls.get(key);
    record.calls.delete(key);
    if (call !== undefined) this.#ended = [...this.#recent(), { call, atMs: this.#clock.monotonicMs() }];
    return call;
  }

  /** Calls whose end was not told yet, or only a moment ago: what they write may show later. */
  underWay(): readonly CallUnderWay[] {
    const oldestMs = this.#clock.monotonicMs() - callLimitMs;
    const open = [...this.#agents.values()].flatMap(({ calls }) =>
      [...calls.values()].filter((call) => call.sinceMs > oldestMs),
    );
    return [...open, ...this.#recent().map(({ call }) => call)];
  }

  #recent() {
    const oldestMs = this.#clock.monotonicMs() - momentMs;
    return this.#ended.filter(({ atMs }) => atMs > oldestMs);
  }

  addDenial(holder: AgentId, denial: AgentRecord['denials'][number]): void {
    const record = this.#agents.get(holder);
    if (record === undefined) return;
    record.denials.push(denial);
    if (record.denials.length > maxDenials) record.denials.shift();
  }
}

function remember<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}
