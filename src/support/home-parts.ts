/** What a bundle tells of the data directory and of the machine. */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { cpus, freemem, loadavg, release, version as systemVersion, totalmem } from 'node:os';
import { join } from 'node:path';
import { ownVariablesSet } from '../base/environment.ts';
import { version } from '../base/version.ts';
import { configIssues, settingKeys, valueAt } from '../home/config.ts';
import { readConfigDocument } from '../home/config-file.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { JsonDocument } from '../home/json-document.ts';
import type { Miss } from './bundle.ts';

export async function describeMachine({ root }: HomePaths): Promise<unknown> {
  const disk = await statfs(root).catch(() => undefined);
  const [cpu] = cpus();
  return {
    agentCollab: version,
    node: process.versions,
    platform: process.platform,
    arch: process.arch,
    system: `${systemVersion()} ${release()}`,
    cpus: { count: cpus().length, model: cpu?.model ?? 'unknown', load: loadavg() },
    memory: { bytes: totalmem(), free: freemem() },
    disk: disk && { type: disk.type, bytes: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
    variablesSet: ownVariablesSet(),
  };
}

const unknownValue = '[redacted: no setting of this version]';

/** Of what is no setting the name and the shape alone. @throws CONFIG_INVALID with what is wrong, and nothing of what is in the file. */
export async function describeSettingsFile(paths: HomePaths): Promise<unknown> {
  const raw = await readConfigDocument(paths);
  return {
    set: knownAlone(raw, ''),
    issues: configIssues(raw).map(({ key, expected }) => ({ key, expected })),
  };
}

function knownAlone(document: JsonDocument, prefix: string): JsonDocument {
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => {
      const key = prefix + name;
      if (settingKeys.includes(key)) return [name, isPlain(value) ? value : unknownValue];
      const isSection = settingKeys.some((one) => one.startsWith(`${key}.`));
      const inner = isSection ? valueAt(document, name) : undefined;
      return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? [name, knownAlone(inner as JsonDocument, `${key}.`)]
        : [name, unknownValue];
    }),
  );
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}

interface FileLine {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly bytes: number;
  readonly mode: string;
  readonly modifiedAt: string;
}

/** Of the data directory of somebody who keeps ten thousand backups. */
const maxFiles = 20_000;

/** Names, sizes and modes; no file is opened. */
export async function listFiles({ root }: HomePaths, miss: Miss): Promise<unknown> {
  const files: FileLine[] = [];
  const waiting = ['.'];
  for (let path = waiting.shift(); path !== undefined && files.length < maxFiles; path = waiting.shift()) {
    const full = join(root, path);
    try {
      const stats = await lstat(full);
      const kind = stats.isFile()
        ? 'file'
        : stats.isDirectory()
          ? 'directory'
          : stats.isSymbolicLink()
            ? 'link'
            : 'other';
      files.push({
        path,
        kind,
        bytes: stats.size,
        mode: (stats.mode & 0o7777).toString(8).padStart(4, '0'),
        modifiedAt: stats.mtime.toISOString(),
      });
      if (kind === 'directory') waiting.push(...(await readdir(full)).sort().map((name) => join(path, name)));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (path === '.') throw error;
      miss(path, code ?? message);
    }
  }
  return { files, more: waiting.length };
}
