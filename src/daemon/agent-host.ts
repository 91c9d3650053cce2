/** What the daemon does for agents, loaded by the first that needs it: the start of a daemon does not pay for it. */
import type { NodeId } from '../base/ids.ts';
import type { StatusView } from '../control/results.ts';
import type { LockTransition } from '../lock/outcome.ts';
import type { AgentServiceParts, AgentServices } from './agent-services.ts';

export class AgentHost {
  readonly #parts: AgentServiceParts;
  #services: AgentServices | undefined;
  #opening: Promise<AgentServices> | undefined;

  constructor(parts: AgentServiceParts) {
    this.#parts = parts;
  }

  get node(): NodeId {
    return this.#parts.node;
  }

  open(): Promise<AgentServices> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Called from inside the lock table: quick, and never throws. Before the first agent there is nobody to tell. */
  note(transition: LockTransition): void {
    this.#services?.note(transition);
  }

  get violations(): StatusView['violations'] {
    return this.#services?.violations.report ?? { count: 0, newest: null };
  }

  /** Undefined while nobody searches. */
  async searchState(): Promise<StatusView['search'] | undefined> {
    return this.#services?.search.state();
  }

  /** About the budget and the prices, where there is one or the other. */
  async usageWarnings(): Promise<readonly string[]> {
    const { monthlyBudget, pricesFile } = this.#parts.usage;
    return monthlyBudget === null && pricesFile === '' ? [] : (await this.open()).usageWarnings();
  }

  async close(): Promise<void> {
    const services = await this.#opening;
    services?.watch.close();
    await services?.search.close();
    await services?.usage.close();
  }

  async #open(): Promise<AgentServices> {
    const { createAgentServices } = await import('./agent-services.ts');
    this.#services = await createAgentServices(this.#parts);
    return this.#services;
  }
}
