/** What config.json and config.yaml of the older program say that still means something: the name of the project. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { toCollabError } from '../base/errors.ts';
import { configIssues } from '../home/config.ts';
import { readConfigDocument } from '../home/config-file.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { JsonDocument } from '../home/json-document.ts';
import { openPlainFile } from './plain-file.ts';

export interface LegacyConfig {
  readonly projectName: string | undefined;
  /** Of the older program: it wrote at least one of these keys, whatever it did. */
  readonly isLegacy: boolean;
  /** Which files there are. */
  readonly files: readonly ('config.json' | 'config.yaml' | 'config.yml')[];
  /** Where the directory used to be, when that is elsewhere: it is ignored. */
  readonly ignoredDataDirectory: string | undefined;
  /** Sentences for people. */
  readonly warnings: readonly string[];
}

const legacyKeys: readonly string[] = [
  'project_name',
  'data_dir',
  'listen_port',
  'listen_addrs',
  'bootstrap',
  'bootstrap_peer',
  'wireguard',
];
const yamlNames = ['config.yaml', 'config.yml'] as const;
/** Settings are some hundred bytes. */
const maxYamlBytes = 1024 * 1024;

/** Never throws for what is in the files: a setting that cannot be read is no reason to leave ten thousand contexts behind. */
export async function readLegacyConfig(paths: HomePaths): Promise<LegacyConfig> {
  const warnings: string[] = [];
  const files: LegacyConfig['files'][number][] = [];
  const json = await readJson(paths, warnings);
  if (json !== undefined) files.push('config.json');
  const documents = [json ?? {}];
  for (const name of yamlNames) {
    const yaml = await readYaml(paths, name, warnings);
    if (yaml === undefined) continue;
    files.push(name);
    documents.push(yaml);
  }
  // The one that the older program wrote itself first.
  const named = documents
    .map((it) => settingOf(it, 'project_name'))
    .find((it) => typeof it === 'string' && it.trim() !== '');
  const dataDirectory = documents.map((it) => settingOf(it, 'data_dir')).find((it) => typeof it === 'string');
  return {
    projectName: typeof named === 'string' ? named.trim() : undefined,
    isLegacy: files.length > 0 && (files.some((it) => it !== 'config.json') || hasLegacyKey(json ?? {})),
    files,
    ignoredDataDirectory:
      typeof dataDirectory === 'string' && dataDirectory !== paths.root ? dataDirectory : undefined,
    warnings,
  };
}

/** Keys of the older program are lower-cased in what it wrote, and in whatever case people wrote them in YAML. */
function settingOf(document: JsonDocument, name: string): unknown {
  const key = Object.keys(document).find((it) => it.toLowerCase() === name);
  return key === undefined ? undefined : document[key];
}

function hasLegacyKey(document: JsonDocument): boolean {
  return legacyKeys.some((name) => settingOf(document, name) !== undefined);
}

async function readJson(paths: HomePaths, warnings: string[]): Promise<JsonDocument | undefined> {
  try {
    const document = await readConfigDocument(paths);
    for (const { key, expected, found } of configIssues(document)) {
      warnings.push(
        `config.json: ${key} must be ${expected}, found ${found}: no daemon starts before it is corrected (agent-collab config reset ${key}).`,
      );
    }
    return Object.keys(document).length === 0 && !(await exists(paths.config)) ? undefined : document;
  } catch (error) {
    warnings.push(`${toCollabError(error).message}: no daemon starts before it is corrected.`);
    return {};
  }
}

async function readYaml(
  paths: HomePaths,
  name: (typeof yamlNames)[number],
  warnings: string[],
): Promise<JsonDocument | undefined> {
  try {
    const text = await readYamlText(join(paths.root, name));
    // Few aliases: a file of settings has none, and nested ones are a way to exhaust the memory.
    const value: unknown = parseYaml(text.replace(/^\uFEFF/, ''), { maxAliasCount: 100, logLevel: 'error' });
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonDocument;
    if (value !== null) warnings.push(`${name} holds no settings.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    warnings.push(`${name} cannot be read: ${message.split('\n')[0]}`);
  }
  return {};
}

async function readYamlText(path: string): Promise<string> {
  const file = await openPlainFile(path);
  try {
    const { size } = await file.stat();
    if (size > maxYamlBytes) throw new Error(`it has ${size} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
