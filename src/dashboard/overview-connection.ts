import type { OverviewView } from '../control/overview-views.ts';
import { readEvents } from './event-stream.ts';
import { elapsedMs } from './page-clock.ts';

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** @property sinceMs as elapsedMs tells it. */
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly why: string }
  /** The daemon does not know this session any more: only a new link helps. */
  | { readonly kind: 'over' };

export interface ConnectionListener {
  onView(view: OverviewView): void;
  onState(state: ConnectionState): void;
}

const eventsUrl = '/dashboard/events';
/** The daemon says something at least every 5 s. Three times that: it is gone, or the network between is. */
const silentMs = 15_000;
/** From the first try to the last; the last one goes on. A restart of the daemon takes about a second. */
const retryMs: readonly number[] = [250, 500, 1000, 2000, 4000];

/** Follows the daemon's snapshots, over losses of the connection, until the session is over. */
export class OverviewConnection {
  readonly #listener: ConnectionListener;
  readonly #end = new AbortController();
  #state: ConnectionState = { kind: 'connecting' };
  #tries = 0;

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
  }

  async run(): Promise<void> {
    while (!this.#end.signal.aborted && this.#state.kind !== 'over') {
      const state = await this.#follow();
      if (this.#end.signal.aborted) return;
      this.#enter(state);
      if (state.kind === 'lost') await this.#pause();
    }
  }

  close(): void {
    this.#end.abort();
  }

  /** Until the stream ends. @returns why it did. */
  async #follow(): Promise<ConnectionState> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silentMs);
    try {
      const signal = AbortSignal.any([this.#end.signal, silence.signal]);
      const headers = { accept: 'text/event-stream' };
      const response = await fetch(eventsUrl, { headers, cache: 'no-store', signal });
      if (response.status === 401) return { kind: 'over' };
      if (!response.ok || response.body === null)
        return this.#lost(`the daemon answers with ${response.status}`);
      for await (const { name, data } of readEvents(response.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silentMs);
        if (name === 'overview') this.#take(JSON.parse(data) as OverviewView);
      }
      return this.#lost('the daemon ended the connection');
    } catch (error) {
      const why = silence.signal.aborted ? 'the daemon is silent' : 'the daemon does not answer';
      return this.#lost(error instanceof SyntaxError ? 'the daemon sent what is no JSON' : why);
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  #take(view: OverviewView): void {
    this.#tries = 0;
    this.#enter({ kind: 'live' });
    this.#listener.onView(view);
  }

  /** A loss goes on over tries that fail: it is since the first of them. */
  #lost(why: string): ConnectionState {
    const sinceMs = this.#state.kind === 'lost' ? this.#state.sinceMs : elapsedMs();
    return { kind: 'lost', sinceMs, why };
  }

  #enter(state: ConnectionState): void {
    if (state.kind === this.#state.kind && state.kind !== 'lost') return;
    this.#state = state;
    this.#listener.onState(state);
  }

  /** Ends early when somebody comes back to the page, or the network does. */
  async #pause(): Promise<void> {
    const ms = retryMs[Math.min(this.#tries, retryMs.length - 1)] ?? 0;
    this.#tries += 1;
    const early = new AbortController();
    await new Promise<void>((resolve) => {
      const go = () => resolve();
      const options = { once: true, signal: early.signal };
      const timer = setTimeout(go, ms);
      early.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      addEventListener('online', go, options);
      document.addEventListener('visibilitychange', go, options);
      this.#end.signal.addEventListener('abort', go, options);
    });
    early.abort();
  }
}
