/** Hooks as a client sends them, to a daemon with a repository of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Place, type RunningDaemon } from '../daemon/daemon-fixture.ts';

export interface HookReply {
  readonly hookSpecificOutput?: {
    readonly hookEventName: string;
    readonly permissionDecision?: string;
    readonly permissionDecisionReason?: string;
    readonly additionalContext?: string;
  };
}

/** One file of numbered lines. */
export function numbered(lines: number): string {
  return Array.from({ length: lines }, (_, at) => `line ${at + 1}\n`).join('');
}

export class HookPlace extends Place {
  #running: RunningDaemon | undefined;
  #calls = 0;

  static async open(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<HookPlace> {
    const place = new HookPlace(t);
    for (const [name, text] of Object.entries({ 'src/a.ts': numbered(60), ...files }))
      place.write(name, text);
    await place.serve();
    return place;
  }

  async serve(): Promise<RunningDaemon> {
    this.#running = await this.start({ memory: true });
    return this.#running;
  }

  get running(): RunningDaemon {
    if (this.#running === undefined) throw new Error('not served yet');
    return this.#running;
  }

  path(name: string): string {
    return join(this.repo, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** A whole tool call: the hook before it, the call itself when it is let through, and the hook after it. */
  async call(
    session: string,
    tool: string,
    input: Readonly<Record<string, unknown>>,
    act: () => void = () => {},
    extra: Readonly<Record<string, unknown>> = {},
  ): Promise<HookReply> {
    this.#calls += 1;
    const id = `toolu_${this.#calls}`;
    const event = { tool_name: tool, tool_input: input, tool_use_id: id, ...extra };
    const reply = await this.hook(session, 'PreToolUse', event);
    if (reply.hookSpecificOutput?.permissionDecision === 'deny') return reply;
    act();
    await this.hook(session, 'PostToolUse', { ...event, tool_response: { success: true } });
    return reply;
  }

  edit(
    session: string,
    name: string,
    old: string,
    next: string,
    extra: Readonly<Record<string, unknown>> = {},
  ) {
    const input = { file_path: this.path(name), old_string: old, new_string: next };
    return this.call(
      session,
      'Edit',
      input,
      () => this.write(name, this.read(name).replace(old, next)),
      extra,
    );
  }

  readFile(session: string, name: string, extra: Readonly<Record<string, unknown>> = {}) {
    return this.call(session, 'Read', { file_path: this.path(name) }, undefined, extra);
  }

  async hook(
    session: string,
    name: string,
    fields: Readonly<Record<string, unknown>> = {},
    client = 'claude',
  ): Promise<HookReply> {
    const { status, body } = await this.post(`/v1/hook/${client}`, {
      session_id: session,
      transcript_path: null,
      cwd: this.repo,
      permission_mode: 'default',
      hook_event_name: name,
      ...fields,
    });
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return JSON.parse(body) as HookReply;
  }

  post(path: string, json: unknown): Promise<{ readonly status: number; readonly body: string }> {
    const { socket } = this.running.daemon.record;
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: socket ?? '', path, method: 'POST' }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      sent.once('error', reject).end(JSON.stringify(json));
    });
  }

  async locks(holder?: string) {
    const { data } = await this.running.client.call('lock.list', {
      cwd: this.repo,
      ...(holder === undefined ? {} : { holder }),
    });
    return data.locks.map((lock) => `${lock.holder} ${lock.targets.map(({ text }) => text).join(' ')}`);
  }
}

export function denied(reply: HookReply): string | undefined {
  const { permissionDecision, permissionDecisionReason } = reply.hookSpecificOutput ?? {};
  return permissionDecision === 'deny' ? permissionDecisionReason : undefined;
}
