import { z } from 'zod';
import { closestKey } from '../base/closest-key.ts';
import { CollabError } from '../base/errors.ts';
import type { JsonDocument } from './json-document.ts';

/** A setting: its type and range, its one default, and what it decides. */
function setting<T extends z.ZodType>(schema: T, value: z.output<T>, summary: string) {
  // Any default is a valid input here; zod's own type for it cannot be named for a generic T.
  return schema.default(value as z.util.NoUndefined<z.output<T>>).meta({ description: summary });
}

function section<S extends Readonly<Record<string, z.ZodType>>>(shape: S) {
  return z.object(shape);
}

const dayLimit = 36_500;

const sections = {
  locks: section({
    defaultTtlMs: setting(
      z.int().min(1000).max(3_600_000),
      120_000,
      'Lease of a claim that names no ttl, in ms',
    ),
    maxTtlMs: setting(
      z.int().min(1000).max(3_600_000),
      3_600_000,
      'Longest lease that a claim may ask for, in ms',
    ),
    ratePerSecond: setting(
      z.number().min(1).max(1_000_000),
      50,
      'Claims a second that one agent may make for long',
    ),
    rateBurst: setting(z.int().min(1).max(1_000_000), 200, 'Claims that one agent may make at once'),
    ageingMs: setting(
      z.int().min(100).max(3_600_000),
      10_000,
      'Wait that raises a waiter by one step of priority, in ms',
    ),
    partition: setting(
      z.enum(['local', 'refuse']),
      'local',
      'What a claim gets in a cluster of which no majority can be reached: local grants it, marked so, and it may have to give way later; refuse denies it',
    ),
  }),
  deltas: section({
    ringCapacity: setting(z.int().min(16).max(1_000_000), 10_000, 'Newest deltas kept in memory'),
  }),
  context: section({
    secrets: setting(
      z.enum(['redact', 'refuse', 'allow']),
      'redact',
      'What happens to keys and tokens in what agents share: redact leaves them out and says so, refuse takes nothing of it, allow looks for none',
    ),
  }),
  storage: section({
    retentionDays: setting(
      z.int().min(1).max(dayLimit),
      30,
      'Age after which compaction drops deltas, in days',
    ),
    retentionBytes: setting(
      z
        .int()
        .min(16 * 1024 ** 2)
        .nullable(),
      null,
      'Size of the log and its index above which compaction drops the oldest deltas, whatever their age, in bytes; null for age alone',
    ),
    maxBytes: setting(
      z
        .int()
        .min(16 * 1024 ** 2)
        .nullable(),
      null,
      'Size at which new deltas are refused at 95 % of it, in bytes; null for as much as the disk has',
    ),
    mapSizeBytes: setting(
      z
        .int()
        .min(16 * 1024 ** 2)
        .max(16 * 1024 ** 4),
      64 * 1024 ** 3,
      'Address space of each LMDB environment, in bytes; takes no disk until it is used',
    ),
  }),
  audit: section({
    retentionDays: setting(
      z.int().min(1).max(dayLimit),
      90,
      'Age after which audit events are dropped, in days',
    ),
  }),
  usage: section({
    monthlyBudget: setting(
      z.number().positive().max(1_000_000_000).nullable(),
      null,
      'US dollars a month, UTC, of which a warning is given at 80 %; null for no budget',
    ),
    pricesFile: setting(
      z.string().max(4096),
      '',
      'A JSON file of prices that come before those of the program: {"models": {"name": {"input": 3, "output": 15}}}, dollars for a million tokens',
    ),
  }),
  search: section({
    provider: setting(
      z.enum(['offline', 'none', 'auto', 'voyage', 'openai', 'google', 'ollama']),
      'offline',
      'Who makes the vectors of shared context: the encoder that ships with the program, nobody, a service that is sent the texts, or with auto the service whose key is in the environment',
    ),
    model: setting(z.string().max(200), '', 'Model of that service; empty for its usual one'),
    url: setting(z.string().max(2000), '', 'Address of that service; empty for its own'),
  }),
  peers: section({
    name: setting(
      z.string().max(100),
      '',
      'Name by which other members see this node; empty for the name of the machine',
    ),
    listen: setting(
      z.ipv4(),
      '0.0.0.0',
      'Address at which members of the cluster reach this node; 127.0.0.1 for this machine alone',
    ),
    port: setting(
      z.int().min(0).max(65_535),
      0,
      'TCP port for members; 0 takes a free one once and keeps it',
    ),
    doorPort: setting(
      z.int().min(0).max(65_535),
      0,
      'TCP port where an invite is presented; 0 takes a free one once and keeps it',
    ),
    mdns: setting(z.boolean(), true, 'Whether members on the same LAN find each other by mDNS'),
    behindNat: setting(
      z.boolean(),
      false,
      'Whether this node keeps a place at other members, through which it can be reached',
    ),
  }),
};

const top = {
  port: setting(z.int().min(0).max(65_535), 0, 'TCP port on 127.0.0.1; 0 takes any free one'),
  enforce: setting(
    z.enum(['open', 'closed']),
    'open',
    'What a hook does with a write when no daemon answers: open lets it through with a warning, closed blocks it',
  ),
  logLevel: setting(z.enum(['debug', 'info', 'warn', 'error']), 'info', 'Least severe level that is logged'),
};

const configSchema = z
  .object({
    ...top,
    locks: sections.locks.prefault({}),
    deltas: sections.deltas.prefault({}),
    context: sections.context.prefault({}),
    storage: sections.storage.prefault({}),
    audit: sections.audit.prefault({}),
    usage: sections.usage.prefault({}),
    search: sections.search.prefault({}),
    peers: sections.peers.prefault({}),
  })
  .refine((it) => it.locks.defaultTtlMs <= it.locks.maxTtlMs, {
    path: ['locks', 'defaultTtlMs'],
    message: 'a value up to locks.maxTtlMs',
  });

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
/** Settings with their defaults filled in, frozen. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;

/** Keys of the older program (SPEC §14): they stay in the file, mean nothing here and deserve no warning. */
const legacyKeys: ReadonlySet<string> = new Set([
  'project_name',
  'listen_port',
  'listen_addrs',
  'bootstrap',
  'bootstrap_peer',
  'wireguard',
]);

export interface SettingDescription {
  /** As `config set` takes it: `locks.defaultTtlMs`. */
  readonly key: string;
  /** Such as `integer 1000–3600000`, `open | closed`. */
  readonly type: string;
  readonly default: unknown;
  /** What it decides, in one sentence. */
  readonly summary: string;
}

const settings: readonly (SettingDescription & { readonly schema: z.ZodType })[] = Object.freeze([
  ...describeShape('', top),
  ...Object.entries(sections).flatMap(([name, it]) => describeShape(`${name}.`, it.shape)),
]);

/** Every setting there is, in the order of the file. */
export function describeSettings(): readonly SettingDescription[] {
  return settings.map(({ key, type, default: value, summary }) => ({ key, type, default: value, summary }));
}

export const settingKeys: readonly string[] = Object.freeze(settings.map((it) => it.key));
export const sectionNames: readonly string[] = Object.freeze(Object.keys(sections));

function describeShape(prefix: string, shape: Readonly<Record<string, z.ZodType>>) {
  return Object.entries(shape).map(([name, schema]) => ({
    key: prefix + name,
    type: typeName(schema),
    default: schema.parse(undefined),
    summary: schema.description ?? '',
    schema,
  }));
}

/** What a value must be, for people, out of the schema itself. */
function typeName(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: 'input' }) as JsonSchemaPart;
  return (json.anyOf ?? [json]).map(partName).join(', or ');
}

interface JsonSchemaPart {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly JsonSchemaPart[];
}

function partName(part: JsonSchemaPart): string {
  if (part.enum) return part.enum.join(' | ');
  if (part.minimum === undefined) return part.type ?? 'value';
  const open = part.maximum === undefined || part.maximum === Number.MAX_SAFE_INTEGER;
  return `${part.type} ${open ? `from ${part.minimum}` : `${part.minimum}–${part.maximum}`}`;
}

/** One thing wrong with a document. */
export interface ConfigIssue {
  readonly key: string;
  readonly expected: string;
  /** As it stands in the file, shortened. */
  readonly found: string;
}

/** What is wrong with the known settings of a document; empty when it can be loaded. */
export function configIssues(raw: JsonDocument): readonly ConfigIssue[] {
  const parsed = configSchema.safeParse(raw);
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) => {
    const key = issue.path.join('.');
    const known = settings.find((it) => it.key === key);
    const expected = issue.code === 'custom' ? issue.message : (known?.type ?? 'object');
    return { key, expected, found: shown(valueAt(raw, key)) };
  });
}

/**
 * The settings of a document, defaults filled in, frozen; a warning for each key that means nothing.
 *
 * @throws CONFIG_INVALID. `source` names the document in the message, such as the file's path.
 */
export function resolveConfig(
  raw: JsonDocument,
  source: string,
): { readonly config: Config; readonly warnings: readonly string[] } {
  const issues = configIssues(raw);
  if (issues.length > 0) throw invalidConfig(source, issues);
  return { config: deepFreeze(configSchema.parse(raw)), warnings: unknownKeys(raw).map(warningFor) };
}

export function invalidConfig(source: string, issues: readonly ConfigIssue[]): CollabError {
  const [first] = issues;
  const key = first?.key ?? '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new CollabError(
    'CONFIG_INVALID',
    `${source}: ${key} must be ${first?.expected}, found ${first?.found}${more}`,
    {
      next: `Correct it there, or run: agent-collab config reset ${key}`,
      details: { source, key, expected: first?.expected, found: first?.found, issues },
    },
  );
}

/** Keys of the document, and of its sections, that are neither settings nor of the older program. */
function unknownKeys(raw: JsonDocument): readonly string[] {
  return Object.keys(raw).flatMap((key) => {
    if (!sectionNames.includes(key)) return settingKeys.includes(key) || legacyKeys.has(key) ? [] : [key];
    return Object.keys(raw[key] ?? {})
      .map((name) => `${key}.${name}`)
      .filter((it) => !settingKeys.includes(it));
  });
}

function warningFor(key: string): string {
  if (key === 'data_dir') {
    return 'data_dir is ignored: the data directory is ~/.agent-collab, or the one that AGENT_COLLAB_HOME names.';
  }
  return `${shown(key)} is not a setting and is ignored${suggestion(key)}.`;
}

/** ` (did you mean "locks.maxTtlMs"?)`, or nothing. */
export function suggestion(key: string): string {
  const near = closestKey(key, [...settingKeys, ...sectionNames]);
  return near === undefined || near === key ? '' : ` (did you mean "${near}"?)`;
}

/** The value under a dotted key, looking at own properties only: `constructor` is no setting. */
export function valueAt(raw: JsonDocument, key: string): unknown {
  let value: unknown = raw;
  for (const name of key.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonDocument)[name];
  }
  return value;
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function deepFreeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value) as DeepReadonly<T>;
}
