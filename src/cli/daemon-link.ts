import { autostartAllowed, traceFromEnvironment } from '../base/environment.ts';
import { CollabError } from '../base/errors.ts';
import { writeErr } from '../base/log.ts';
import { version } from '../base/version.ts';
import type { CallOptions, CallResult, ControlClient } from '../control/client.ts';
import type { OperationInput, OperationName } from '../control/operations.ts';
import type { Notice, StreamEvent, StreamKind } from '../control/results.ts';
import { readCarrier } from '../control/tracing.ts';
import { controlAddress, type DaemonAddress, isNewer, readDaemonAddress } from './daemon-address.ts';
import type { Screen } from './screen.ts';

export interface DaemonLinkOptions {
  readonly home: string;
  readonly stderr: Screen;
  /** False for a command that only looks: it never starts a daemon. */
  readonly mayStart: boolean;
  /** Whether to ask on the terminal if an older daemon is to be restarted. */
  readonly mayAsk: boolean;
}

/** The daemon as a command sees it: there when it is needed. */
export class DaemonLink {
  readonly #options: DaemonLinkOptions;
  readonly #notices: Notice[] = [];
  #client: ControlClient | undefined;

  constructor(options: DaemonLinkOptions) {
    this.#options = options;
  }

  /** What the daemon had to tell the agent, with refusals too. */
  get notices(): readonly Notice[] {
    return this.#notices;
  }

  /** @throws as ControlClient.call; DAEMON_UNREACHABLE when none runs and none may be started. */
  async call<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    options: CallOptions = {},
  ): Promise<CallResult<Name>> {
    const trace = readCarrier(traceFromEnvironment());
    return this.#ask((client) => client.call(name, input, { trace, ...options }));
  }

  /** As ControlClient.hook. */
  async hook(client: string, event: string, timeoutMs: number): Promise<string> {
    return this.#ask((daemon) => daemon.hook(client, event, timeoutMs));
  }

  async #ask<T>(ask: (client: ControlClient) => Promise<T>): Promise<T> {
    const client = this.#client ?? (await this.#open());
    try {
      return await ask(client);
    } catch (error) {
      // The record of a dead daemon. Only what was never sent may be sent again.
      if (!neverSent(error)) throw error;
      return await ask(await this.#start());
    }
  }

  /** Undefined when nothing was sent: no daemon runs, and this command starts none. @throws as `call`. */
  async callIfServed<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    options: CallOptions = {},
  ): Promise<CallResult<Name> | undefined> {
    try {
      return await this.call(name, input, options);
    } catch (error) {
      const isDown = error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE';
      if (isDown && error.details?.sent === undefined) return undefined;
      throw error;
    }
  }

  /** As ControlClient.events. */
  async *events(
    kinds: readonly StreamKind[],
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncGenerator<StreamEvent, void, undefined> {
    // A call finds out whether the daemon is there, and starts it if need be.
    if (this.#client === undefined) await this.call('status', {}, { signal });
    yield* (this.#client ?? (await this.#open())).events(kinds, signal, onOpen);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #open(): Promise<ControlClient> {
    const address = readDaemonAddress(this.#options.home);
    if (address === undefined) return this.#start();
    if (isNewer(version, address.version) && (await this.#wantsRestart(address))) {
      const { stopDaemon } = await import('./stop-daemon.ts');
      await stopDaemon(this.#options.home);
      return this.#start();
    }
    return this.#connect(address);
  }

  async #connect(address: DaemonAddress): Promise<ControlClient> {
    this.close();
    // HTTP is loaded only by commands that talk to the daemon.
    const { ControlClient } = await import('../control/client.ts');
    this.#client = new ControlClient({
      ...controlAddress(address),
      onNotices: (notices) => this.#notices.push(...notices),
    });
    return this.#client;
  }

  async #start(): Promise<ControlClient> {
    const { home, mayStart, stderr } = this.#options;
    if (!mayStart || !autostartAllowed()) {
      throw new CollabError('DAEMON_UNREACHABLE', `no daemon serves ${home}`, {
        next: 'Start one with: agent-collab daemon start (or in the foreground: agent-collab run).',
        details: { home },
      });
    }
    const [{ startInBackground }, { withProgress }] = await Promise.all([
      import('./background-start.ts'),
      import('./progress.ts'),
    ]);
    let label = 'starting the daemon';
    const start = startInBackground({
      home,
      onStep: (what) => {
        label = what;
      },
    });
    const { address, summary } = await withProgress(stderr, () => label, start);
    for (const line of summary) writeErr(`${stderr.paint('yellow', 'note:')} ${line}\n`);
    return this.#connect(address);
  }

  /** Said once per command. A person at a terminal can have it done at once; scripts and agents are only told. */
  async #wantsRestart(address: DaemonAddress): Promise<boolean> {
    writeErr(
      `${this.#options.stderr.paint('yellow', 'note:')} the daemon (pid ${address.pid}) is version ${address.version}, ` +
        `this program is ${version}. agent-collab daemon restart brings it up to date; leases end with a restart.\n`,
    );
    if (!this.#options.mayAsk) return false;
    const { askYesNo } = await import('./ask.ts');
    return askYesNo('Restart it now? [y/N] ');
  }
}

function neverSent(error: unknown): boolean {
  if (!(error instanceof CollabError) || error.code !== 'DAEMON_UNREACHABLE') return false;
  const { reason, sent } = error.details ?? {};
  // EACCES: a daemon of another user, in whose place none can be started.
  return sent === false && reason !== 'EACCES';
}
