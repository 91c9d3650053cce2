/**
 * Who calls a tool over MCP. One MCP connection serves a session and all its sub-agents, and knows neither; the hook that runs before the
 * call knows both. So the hook leaves word of the call, by tool and arguments, and the call that comes picks it up. Nothing of it is
 * under a model's control but the arguments themselves, which name nobody.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { AgentId } from '../base/ids.ts';
import { sessionOf } from '../hook/hook-event.ts';

/** A call comes within moments of its hook, unless a person is asked first. */
const keptMs = 120_000;
const maxWaiting = 1000;

interface Expected {
  readonly agent: AgentId;
  readonly key: string;
  readonly atMs: number;
}

export class CallClaims {
  readonly #clock: Clock;
  #expected: Expected[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A hook says that this agent is about to make this call. */
  expect(agent: AgentId, tool: string, input: unknown): void {
    this.#drop();
    this.#expected.push({ agent, key: callHash(tool, input), atMs: this.#clock.monotonicMs() });
    if (this.#expected.length > maxWaiting) this.#expected.shift();
  }

  /**
   * The agent that makes this call; of the session that the connection knows, if several are about to make the same. That session may
   * be over: a client goes on with its connections when it begins a new one. Each word is good for one call.
   */
  take(tool: string, input: unknown, session: AgentId | undefined): AgentId | undefined {
    this.#drop();
    const key = callHash(tool, input);
    const own = this.#expected.findIndex((one) => one.key === key && sessionOf(one.agent) === session);
    const at = own === -1 ? this.#expected.findIndex((one) => one.key === key) : own;
    return at === -1 ? undefined : this.#expected.splice(at, 1)[0]?.agent;
  }

  #drop(): void {
    const oldestMs = this.#clock.monotonicMs() - keptMs;
    this.#expected = this.#expected.filter((one) => one.atMs > oldestMs);
  }
}

/** `mcp__agent-collab__why` and `mcp__plugin_agent-collab_agent-collab__why` are both the tool `why`. */
export function ownMcpTool(tool: string): string | undefined {
  return /^mcp__(?:plugin_)?\w*agent[-_]collab[\w-]*__(\w+)$/.exec(tool)?.[1];
}

function callHash(tool: string, input: unknown): string {
  return createHash('sha256')
    .update(`${tool}\0${canonical(input)}`)
    .digest('base64');
}

/** The same text whatever the order of the keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`)
    .join(',')}}`;
}
