/** What concerns an agent and it was not told yet: losses, denials because of it, changes of its files, new context about them. */
import { hlcToMs } from '../base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../base/ids.ts';
import type { UpdatesView } from '../control/results.ts';
import { deltaPath, type StoredDelta } from '../delta/delta.ts';
import { clip } from '../hook/hook-answer.ts';
import { sessionOf } from '../hook/hook-event.ts';
import type { AgentMemory, AgentRecord } from './agent-memory.ts';
import { changeText } from './change-text.ts';
import { type Concerns, concernTest } from './concern.ts';
import type { Interests } from './interests.ts';
import type { AgentLocks, AgentLog, NoticeText } from './ports.ts';

type Item = UpdatesView['updates'][number];

/** Deltas looked through in one go; what lies further back is told as a number at most. */
const lookBack = 300;
/** All of an answer, as JSON (SPEC §8). */
const maxBytes = 1900;
const maxItemBytes = 320;

export interface UpdateParts {
  readonly locks: AgentLocks;
  readonly log: AgentLog;
  readonly memory: AgentMemory;
  readonly interests: Pick<Interests, 'of'>;
  readonly noticeText: NoticeText;
}

export class AgentUpdates {
  readonly #parts: UpdateParts;

  constructor(parts: UpdateParts) {
    this.#parts = parts;
  }

  /**
   * Unread news, the most urgent first, as many as fit; what is told is read.
   * @param patterns paths or globs that the agent wants to hear about this once, besides its interests; relative to the project.
   */
  async take(agent: AgentId, project: ProjectId, patterns: readonly string[] = []): Promise<UpdatesView> {
    const { locks, memory, noticeText } = this.#parts;
    const record = memory.reach(agent);
    record.project = project;
    const { notices } = locks.takeNotices(agent);
    const items: Item[] = notices
      .map(noticeText)
      .map(({ kind, message, at }) => ({ kind: 'lost', text: `${message} (${kind})`, at }));
    for (const { text, path, atMs } of record.denials.splice(0))
      items.push({ kind: 'denied', path, text, at: new Date(atMs).toISOString() });
    const news = await this.#news(record, project, patterns);
    items.push(...news.items);
    record.toldUpTo = news.head;
    return fit(items);
  }

  /** The same in a few lines for a hook's answer; empty when there is nothing. */
  async brief(agent: AgentId, project: ProjectId): Promise<string> {
    const { updates, more } = await this.take(agent, project);
    if (updates.length === 0) return '';
    const lines = updates.map(
      ({ kind, path, text }) => `- ${kind}${path === undefined ? '' : ` ${path}`}: ${text}`,
    );
    const rest = more === 0 ? [] : [`- and ${more} more: ask get_updates, or agent-collab log`];
    return ['agent-collab, since you last heard:', ...lines, ...rest].join('\n');
  }

  async #news(record: AgentRecord, project: ProjectId, patterns: readonly string[]) {
    const head = await this.#parts.log.head();
    const upTo = record.toldUpTo ?? 0;
    if (head <= upTo) return { items: [], head };
    const deltas = await this.#parts.log.latest({ project, limit: lookBack });
    const fresh = deltas.filter((delta) => delta.position > upTo && !isFamily(delta.agent, record.id));
    const held = this.#parts.locks
      .list({ agent: record.id })
      .flatMap(({ targets }) => targets.map(({ path }) => path));
    const touched = [...record.paths.values()]
      .filter((one) => one.project === project)
      .map(({ path }) => path);
    const interests = await this.#parts.interests.of(record.id, project);
    const concerning = concernTest({ own: [...touched, ...held], asked: [...interests, ...patterns] });
    const items = fresh.flatMap((delta) => itemOf(delta, concerning));
    return { items: dedupe(items), head };
  }
}

function isFamily(a: AgentId, b: AgentId): boolean {
  return a === b || sessionOf(a) === b;
}

function itemOf(delta: StoredDelta, concerns: Concerns): readonly Item[] {
  const path = deltaPath(delta) ?? '.';
  const at = new Date(hlcToMs(delta.time)).toISOString();
  if (delta.type === 'context' && concerns(path, true)) {
    const { content } = delta.payload;
    const text = typeof content === 'string' ? content.replace(/\s+/g, ' ') : '';
    return [{ kind: 'context', path, text: clip(`${delta.agent}: ${text}`, maxItemBytes), at, id: delta.id }];
  }
  if (delta.type === 'file_change' && concerns(path, false))
    return [{ kind: 'changed', path, text: clip(changeText(delta), maxItemBytes), at, id: delta.id }];
  return [];
}

/** Of the changes that one agent made to one file the newest tells enough, and of what it said twice the second time. */
function dedupe(items: readonly Item[]): readonly Item[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const what = item.kind === 'changed' ? item.text.split(' ')[0] : item.text;
    const key = `${item.kind} ${item.path} ${what}`;
    return !seen.has(key) && seen.add(key);
  });
}

function fit(items: readonly Item[]): UpdatesView {
  const updates: Item[] = [];
  let bytes = 200;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes + size > maxBytes) break;
    bytes += size;
    updates.push(item);
  }
  const more = items.length - updates.length;
  return {
    updates,
    more,
    ...(more === 0 ? {} : { next: 'The rest: agent-collab context list, agent-collab log.' }),
  };
}
