/** Writes past somebody's lease: recorded in the audit trail, counted, and told by `status`. */
import { lockDraft } from '../audit/lock-draft.ts';
import type { Clock } from '../base/clock.ts';
import type { AgentId } from '../base/ids.ts';
import type { StatusView } from '../control/results.ts';
import type { Lock } from '../lock/lock.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { AgentAudit } from './ports.ts';

export interface Violation {
  /** The lease that was gone past. */
  readonly lock: Lock;
  readonly path: string;
  /** As in "src/a.ts, which b holds, was …". */
  readonly what: string;
  /** Who did it, where that is known. */
  readonly by?: AgentId;
  readonly details?: Readonly<Record<string, unknown>>;
}

export class Violations {
  readonly #audit: AgentAudit;
  readonly #memory: AgentMemory;
  readonly #clock: Clock;
  #count = 0;
  #newest: StatusView['violations']['newest'] = null;

  constructor(components: {
    readonly audit: AgentAudit;
    readonly memory: AgentMemory;
    readonly clock: Clock;
  }) {
    this.#audit = components.audit;
    this.#memory = components.memory;
    this.#clock = components.clock;
  }

  get report(): StatusView['violations'] {
    return { count: this.#count, newest: this.#newest };
  }

  add({ lock, path, what, by, details }: Violation): void {
    const atMs = this.#clock.wallMs();
    const text = `${path}, which ${lock.holderName ?? lock.holder} holds, was ${what}${by === undefined ? '' : ` by ${by}`}`;
    this.#count += 1;
    this.#newest = { at: new Date(atMs).toISOString(), what: text };
    this.#memory.addDenial(lock.holder, { text, path, atMs });
    this.#audit.record({
      ...lockDraft('violation', lock),
      metadata: { path, what, ...(by === undefined ? {} : { by }), ...details },
    });
  }
}
