/** Git commits against leases: the check before one, and the report after one that tells of those that went past it. */
import type { Clock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import type { AgentId } from '../base/ids.ts';
import { sessionOf } from '../hook/hook-event.ts';
import type { Lock } from '../lock/lock.ts';
import type { AgentLocks, AgentPlaces, PlacedPath } from './ports.ts';
import type { Violations } from './violations.ts';

export interface PathConflict {
  readonly path: string;
  readonly lock: Lock;
}

export interface CommitParts {
  readonly places: AgentPlaces;
  readonly locks: AgentLocks;
  readonly violations: Violations;
  readonly clock: Clock;
}

/** A commit follows its check within the time that its message takes to write. */
const passedKeptMs = 3_600_000;
const maxPassed = 1000;

export class CommitCheck {
  readonly #parts: CommitParts;
  /** What passed the check: a lease that came after it is no violation. By working tree and path. */
  readonly #passed = new Map<string, number>();

  constructor(parts: CommitParts) {
    this.#parts = parts;
  }

  /** @param paths as git names them, relative to the top of the working tree `cwd`. */
  async check(agent: AgentId, cwd: string, paths: readonly string[]): Promise<readonly PathConflict[]> {
    const conflicts = await this.#conflicts(agent, cwd, paths);
    if (conflicts.length === 0) for (const path of paths) this.#pass(`${cwd}\0${path}`);
    return conflicts;
  }

  async report(
    agent: AgentId,
    cwd: string,
    commit: string,
    paths: readonly string[],
  ): Promise<readonly PathConflict[]> {
    const oldestMs = this.#parts.clock.monotonicMs() - passedKeptMs;
    const unchecked = paths.filter(
      (path) => (this.#passed.get(`${cwd}\0${path}`) ?? Number.NEGATIVE_INFINITY) < oldestMs,
    );
    for (const path of paths) this.#passed.delete(`${cwd}\0${path}`);
    const found = await this.#conflicts(agent, cwd, unchecked);
    for (const { path, lock } of found)
      this.#parts.violations.add({
        lock,
        path,
        what: 'committed past the check',
        by: agent,
        details: { commit },
      });
    return found;
  }

  async #conflicts(agent: AgentId, cwd: string, paths: readonly string[]): Promise<readonly PathConflict[]> {
    const conflicts: PathConflict[] = [];
    for (const path of paths) {
      const place = await this.#placed(cwd, path);
      if (place === undefined) continue;
      const lock = this.#parts.locks
        .list({ project: place.project, path: place.path })
        .find((one) => sessionOf(one.holder) !== sessionOf(agent));
      if (lock !== undefined) conflicts.push({ path, lock });
    }
    return conflicts;
  }

  async #placed(cwd: string, path: string): Promise<PlacedPath | undefined> {
    try {
      return await this.#parts.places.place(cwd, path);
    } catch (error) {
      // A name that cannot be leased is leased by nobody.
      if (error instanceof CollabError) return undefined;
      throw error;
    }
  }

  #pass(key: string): void {
    this.#passed.set(key, this.#parts.clock.monotonicMs());
    for (const oldest of this.#passed.keys()) {
      if (this.#passed.size <= maxPassed) break;
      this.#passed.delete(oldest);
    }
  }
}
