import { join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import {
  type Evidence,
  identifyProject,
  locateProject,
  type Project,
  type ProjectPlace,
  stampOf,
} from './project-identity.ts';

export interface ProjectCacheOptions {
  readonly clock: Clock;
  /** Directories remembered. An entry is about 1 KB. @default 1000 */
  readonly maxEntries?: number;
  /**
   * Age past which an entry is made anew whatever its files look like: a repository that is made or deleted in a
   * directory further up shows in none of them. @default 5000
   */
  readonly maxAgeMs?: number;
  /** Replaces the look-up of which project a working tree is, for tests that count. @default identifyProject */
  readonly identify?: (place: ProjectPlace, evidence: Evidence) => Promise<Project>;
}

interface Entry {
  readonly project: Project;
  readonly evidence: Evidence;
  readonly madeAtMs: number;
}

/**
 * Directory → project, without running git again while the files that told which project it is look the same.
 * A failure is not remembered.
 */
export class ProjectCache {
  readonly #config: Readonly<Required<ProjectCacheOptions>>;
  /** In order of last use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #underway = new Map<string, Promise<Entry>>();

  constructor(options: ProjectCacheOptions) {
    this.#config = Object.freeze({
      clock: options.clock,
      maxEntries: options.maxEntries ?? 1000,
      maxAgeMs: options.maxAgeMs ?? 5000,
      identify: options.identify ?? identifyProject,
    });
  }

  /** As `resolveProject`, with the same errors. An arrow function, so that it can be passed on as a resolver. */
  readonly resolve = async (directory: string): Promise<Project> =>
    (await this.#entry(resolve(directory))).project;

  get size(): number {
    return this.#entries.size;
  }

  async #entry(directory: string): Promise<Entry> {
    const known = this.#entries.get(directory);
    if (known && (await this.#holds(known))) {
      // Put back at the young end, unless a call that overtook this one has put a newer one there.
      if (this.#entries.get(directory) === known) this.#remember(directory, known);
      return known;
    }
    const joined = this.#underway.get(directory);
    if (joined) return joined;
    const making = this.#make(directory).finally(() => this.#underway.delete(directory));
    this.#underway.set(directory, making);
    return making;
  }

  async #make(directory: string): Promise<Entry> {
    let madeAtMs = this.#config.clock.monotonicMs();
    const evidence: Evidence = new Map();
    // `git init` in this very directory makes it a project of its own.
    const own = join(directory, '.git');
    evidence.set(own, await stampOf(own));
    const place = await locateProject(directory);
    let project: Project;
    if (place.root === directory) {
      project = await this.#config.identify(place, evidence);
    } else {
      // The directories of one working tree share one look-up. A top is its own root, so this goes one level deep.
      const top = await this.#entry(place.root);
      project = top.project;
      madeAtMs = Math.min(madeAtMs, top.madeAtMs);
      for (const [path, stamp] of top.evidence) evidence.set(path, stamp);
    }
    const entry = { project, evidence, madeAtMs };
    this.#remember(directory, entry);
    return entry;
  }

  #remember(directory: string, entry: Entry): void {
    this.#entries.delete(directory);
    this.#entries.set(directory, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#config.maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  async #holds(entry: Entry): Promise<boolean> {
    if (this.#config.clock.monotonicMs() - entry.madeAtMs >= this.#config.maxAgeMs) return false;
    const same = await Promise.all(
      [...entry.evidence].map(async ([path, stamp]) => (await stampOf(path)) === stamp),
    );
    return same.every(Boolean);
  }
}
