/**
 * Watches the files that are leased. A change that no call of the holder explains is a violation: an editor, a script or an agent
 * without hooks wrote past the lease. Only leases of agents whose hooks are heard are watched, since only of those it is
 * known what they write. Directories are watched rather than files: a file that is replaced would be lost.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { AgentId, ProjectId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { sessionOf } from '../hook/hook-event.ts';
import { isGlob } from '../lock/glob.ts';
import type { Lock } from '../lock/lock.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { FileLooks } from './file-look.ts';
import type { AgentLocks } from './ports.ts';
import type { Violations } from './violations.ts';

export interface LeaseWatchParts {
  readonly locks: AgentLocks;
  readonly memory: AgentMemory;
  readonly violations: Violations;
  readonly files: FileLooks;
  readonly logger: Logger;
}

/** Each takes a watch of the system's, which are limited for the user as a whole. */
const maxDirectories = 512;
const maxRootsPerProject = 16;
/** Writers write in pieces: a file is looked at when it has been quiet for so long. */
const quietMs = 150;

interface WatchedFile {
  /** Of different lines, or shared. */
  readonly locks: Map<Lock['id'], Lock>;
  readonly absolute: string;
  readonly path: string;
  /** As it was last explained. */
  hash: string;
  timer: NodeJS.Timeout | undefined;
}

export class LeaseWatch {
  readonly #parts: LeaseWatchParts;
  readonly #roots = new Map<ProjectId, Set<string>>();
  /** By directory. */
  readonly #watchers = new Map<string, FSWatcher>();
  /** By real path. */
  readonly #files = new Map<string, WatchedFile>();
  #closed = false;

  constructor(parts: LeaseWatchParts) {
    this.#parts = parts;
  }

  /** Where a project's working trees are. */
  knowRoot(project: ProjectId, root: string): void {
    const roots = this.#roots.get(project) ?? new Set();
    if (roots.size < maxRootsPerProject) this.#roots.set(project, roots.add(root));
  }

  /** A lease was taken: its files are watched from here on. Returns at once. */
  acquired(lock: Lock): void {
    if (this.#closed || this.#parts.memory.get(lock.holder) === undefined) return;
    for (const { project, path } of lock.targets) {
      if (isGlob(path)) continue;
      for (const root of this.#roots.get(project) ?? []) void this.#add(lock, root, path);
    }
  }

  /** A lease is over. */
  ended(lock: Lock): void {
    for (const [absolute, { locks }] of this.#files) {
      if (locks.delete(lock.id) && locks.size === 0) this.#remove(absolute);
    }
  }

  close(): void {
    this.#closed = true;
    for (const absolute of [...this.#files.keys()]) this.#remove(absolute);
  }

  async #add(lock: Lock, root: string, path: string): Promise<void> {
    const absolute = join(root, path);
    const known = this.#files.get(absolute);
    if (known !== undefined) {
      known.locks.set(lock.id, lock);
      return;
    }
    const file: WatchedFile = {
      locks: new Map([[lock.id, lock]]),
      absolute,
      path,
      hash: '',
      timer: undefined,
    };
    this.#files.set(absolute, file);
    file.hash = (await this.#parts.files.at(absolute)).hash;
    if (this.#closed || this.#files.get(absolute) !== file) return;
    this.#watchDirectory(dirname(absolute));
  }

  #watchDirectory(directory: string): void {
    if (this.#watchers.has(directory) || this.#watchers.size >= maxDirectories) return;
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) =>
        this.#touched(directory, name),
      );
      watcher.on('error', () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch (error) {
      // The directory is not there yet, or the system has no watch left: the hook still checks every write.
      this.#parts.logger.debug('a directory is not watched', { directory, error: String(error) });
    }
  }

  #touched(directory: string, name: string | null): void {
    for (const [absolute, file] of this.#files) {
      if (dirname(absolute) !== directory || (name !== null && basename(absolute) !== name)) continue;
      clearTimeout(file.timer);
      file.timer = setTimeout(() => void this.#look(file), quietMs).unref();
    }
  }

  async #look(file: WatchedFile): Promise<void> {
    if (this.#files.get(file.absolute) !== file) return;
    const { hash } = await this.#parts.files.at(file.absolute);
    if (hash === file.hash || this.#files.get(file.absolute) !== file) return;
    const holders = new Set([...file.locks.values()].map(({ holder }) => sessionOf(holder)));
    const calls = this.#parts.memory.underWay();
    const about = calls.filter(
      (call) => call.mayWriteMore || call.files.some(({ absolute }) => absolute === file.absolute),
    );
    file.hash = hash;
    if (about.some((call) => holders.has(sessionOf(call.agent)))) return;
    // The hook has let it through: it writes other lines.
    const writers = about.map((call) => call.agent);
    if (writers.length > 0 && !about.some((call) => call.mayWriteMore)) return;
    const by: AgentId | undefined = writers.length === 1 ? writers[0] : undefined;
    const lock = [...file.locks.values()].at(-1);
    if (lock === undefined) return;
    this.#parts.violations.add({
      lock,
      path: file.path,
      what: 'changed by something that its holder did not do',
      ...(by === undefined ? {} : { by }),
      details: { file: file.absolute },
    });
  }

  #remove(absolute: string): void {
    const file = this.#files.get(absolute);
    clearTimeout(file?.timer);
    this.#files.delete(absolute);
    const directory = dirname(absolute);
    if (![...this.#files.keys()].some((other) => dirname(other) === directory)) this.#unwatch(directory);
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}
