import type { ControlService, Handlers, RequestContext } from '../../src/control/handlers.ts';
import { type OperationName, operations } from '../../src/control/operations.ts';
import type { DeltaView, Notice, StreamEvent, StreamKind } from '../../src/control/results.ts';
import { noTracing, type Tracing } from '../../src/control/tracing.ts';

export interface Call {
  readonly name: OperationName;
  readonly input: unknown;
  readonly request: RequestContext;
}

type Behaviour = (call: Call) => unknown;

/** Records every call and answers with what `on` set for it, else with `{ echo: input }`. */
export class FakeControlService implements ControlService {
  readonly calls: Call[] = [];
  readonly notices = new Map<string, Notice[]>();
  /** Of each `takeNotices`, in order. */
  readonly asked: string[] = [];
  readonly handlers: Handlers;
  tracing: Tracing = noTracing;
  readonly #behaviours = new Map<OperationName, Behaviour>();
  readonly #listeners = new Map<(event: StreamEvent) => void, ReadonlySet<StreamKind>>();
  #changed: (() => void)[] = [];

  constructor() {
    const names = Object.keys(operations) as OperationName[];
    this.handlers = Object.fromEntries(
      names.map((name) => [
        name,
        async (input: unknown, request: RequestContext) => {
          const call = { name, input, request };
          this.calls.push(call);
          this.#change();
          const behaviour = this.#behaviours.get(name);
          return behaviour === undefined ? { echo: input } : behaviour(call);
        },
      ]),
    ) as unknown as Handlers;
  }

  on(name: OperationName, behaviour: Behaviour): void {
    this.#behaviours.set(name, behaviour);
  }

  async metrics() {
    return '# no metrics\n';
  }

  async hook(client: string, event: unknown) {
    return { client, event };
  }

  takeNotices(agent: string): readonly Notice[] {
    this.asked.push(agent);
    const notices = this.notices.get(agent) ?? [];
    this.notices.delete(agent);
    return notices;
  }

  subscribe(kinds: ReadonlySet<StreamKind>, listener: (event: StreamEvent) => void): () => void {
    this.#listeners.set(listener, kinds);
    this.#change();
    return () => {
      this.#listeners.delete(listener);
      this.#change();
    };
  }

  get subscribers(): number {
    return this.#listeners.size;
  }

  publish(event: StreamEvent): void {
    for (const [listener, kinds] of this.#listeners) if (kinds.has(event.kind)) listener(event);
  }

  /** Resolves once `condition` holds; looked at after each call and each change of the subscribers. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #change(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const wake of waiting) wake();
  }
}

export function fakeNotice(lockId: string): Notice {
  return {
    kind: 'expired',
    lockId,
    targets: ['src/a.ts'],
    message: 'it expired',
    at: '2026-01-01T00:00:00.000Z',
  };
}

export function fakeDelta(position: number, text = ''): DeltaView {
  return {
    id: `node:${position}`,
    position,
    source: 'node',
    seq: position,
    agent: 'a',
    project: 'p',
    type: 'custom',
    time: '2026-01-01T00:00:00.000Z',
    hlc: position,
    deps: {},
    prev: null,
    payload: { text },
  };
}
