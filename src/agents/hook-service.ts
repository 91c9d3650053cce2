/** Hears what the clients' hooks tell and answers them. The policy is in hook/decision.ts; here is what it needs to know. */
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { AgentId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { denyAnswer, type HookAnswer, silentAnswer, tellAnswer } from '../hook/hook-answer.ts';
import { type HookClient, type HookEvent, parseHookEvent } from '../hook/hook-event.ts';
import { toolReads } from '../hook/tool-writes.ts';
import type { AgentRecord } from './agent-memory.ts';
import type { AgentUpdates } from './agent-updates.ts';
import { type CallClaims, ownMcpTool } from './call-claims.ts';
import { checkWrite, type WriteCheckParts } from './write-check.ts';
import { recordWrite } from './write-record.ts';

export interface HookParts extends WriteCheckParts {
  readonly claims: CallClaims;
  readonly updates: AgentUpdates;
  readonly logger: Logger;
}

export class HookService {
  readonly #parts: HookParts;

  constructor(parts: HookParts) {
    this.#parts = parts;
  }

  /** @throws INVALID_ARGUMENT when the event names no session or directory. */
  async handle(client: HookClient, raw: unknown): Promise<HookAnswer> {
    const event = parseHookEvent(client, raw);
    const { memory, locks } = this.#parts;
    const record = memory.reach(event.agent);
    record.name ??= event.agentName;
    // A parent waits while its sub-agent works: that is a sign of life of both.
    locks.touch(event.session);
    if (event.agent !== event.session) locks.touch(event.agent);
    switch (event.moment) {
      case 'PreToolUse':
        return this.#before(event, record);
      case 'PostToolUse':
      case 'PostToolUseFailure':
        return this.#after(event, record);
      case 'UserPromptSubmit':
        // A turn is over: calls that its user refused have no end of their own.
        record.calls.clear();
        return tellAnswer(event, await this.#news(event));
      case 'SessionStart':
      case 'SubagentStart':
        return tellAnswer(event, await this.#news(event));
      case 'SessionEnd':
        for (const member of memory.family(event.session)) this.#gone(member.id);
        this.#gone(event.session);
        return silentAnswer;
      case 'SubagentStop':
        if (event.agent !== event.session) this.#gone(event.agent);
        return silentAnswer;
      case 'Stop':
        // Codex tells of no end of a session: what it was editing is done with its turn.
        if (client === 'codex') this.#releaseAutomatic(record);
        return silentAnswer;
      default:
        return silentAnswer;
    }
  }

  async #before(event: HookEvent, record: AgentRecord): Promise<HookAnswer> {
    const { claims, locks } = this.#parts;
    const tool = ownMcpTool(event.tool);
    if (tool !== undefined) {
      // Its own answer brings the notices.
      claims.expect(event.agent, tool, event.input);
      return silentAnswer;
    }
    const { notices } = locks.takeNotices(event.agent);
    const ruling = await checkWrite(event, record, notices, this.#parts);
    return ruling.decision === 'deny' ? denyAnswer(ruling.text) : tellAnswer(event, ruling.text);
  }

  async #after(event: HookEvent, record: AgentRecord): Promise<HookAnswer> {
    const { memory, locks, noticeText } = this.#parts;
    const read = event.moment === 'PostToolUse' ? toolReads(event) : undefined;
    if (read !== undefined) {
      record.reportsReads = true;
      const place = await this.#placed(event.cwd, read);
      if (place !== undefined) {
        const absolute = join(place.root, place.path);
        memory.sawFile(record, { ...place, absolute }, (await this.#parts.files.at(absolute)).hash);
      }
    } else await this.#record(event, record);
    const { notices } = locks.takeNotices(event.agent);
    return tellAnswer(event, notices.map((notice) => noticeText(notice).message).join('\n'));
  }

  /** The write has happened: that it could not be recorded must not look like a failure of it. */
  async #record(event: HookEvent, record: AgentRecord): Promise<void> {
    try {
      await recordWrite(event, record, this.#parts);
    } catch (error) {
      this.#parts.logger.warn('a change was not recorded', { agent: record.id, error: String(error) });
    }
  }

  async #news(event: HookEvent): Promise<string> {
    const place = await this.#placed(event.cwd, '.');
    return place === undefined ? '' : this.#parts.updates.brief(event.agent, place.project);
  }

  async #placed(cwd: string, path: string) {
    try {
      return await this.#parts.places.place(cwd, path);
    } catch (error) {
      // Outside of any project nothing is shared.
      if (error instanceof CollabError) return undefined;
      throw error;
    }
  }

  #gone(agent: AgentId): void {
    this.#parts.locks.releaseAll(agent);
    this.#parts.memory.forget(agent);
  }

  #releaseAutomatic(record: AgentRecord): void {
    const held = new Set(this.#parts.locks.list({ agent: record.id }).map(({ id }) => id));
    for (const id of record.automatic) if (held.has(id)) this.#parts.locks.release(id, record.id);
    record.automatic.clear();
  }
}
