/**
 * The audit log: `audit/`, an environment written in synchronous batches.
 *
 * ```
 * events   [u64 at]                        an encoded audit event (audit-event.ts)
 * holder   00 holder 00 [u64 at]           → [u8 action]
 * lock     00 lock 00 [u64 at]             → [u8 action]
 * target   project 00 path 00 [u64 at]     → [u8 action]    once per path that the event's targets name
 * action   [u8 action][u64 at]             → [u8 action]    all but the three actions that make up the bulk
 * meta     schema  1
 *          digest  a sum over the entries of each table, what the trail spans (table-digest.ts), and up to where it is indexed
 * ```
 * The four indexes may be behind the events (audit-backlog.ts).
 * The number of events is LMDB's own count of the table, which no crash can put out of step.
 */
import { type AuditAction, auditActions } from '../audit/audit-action.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import { type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts';
import { checkSchema, isCount, MetaTable } from './meta-table.ts';
import { pathText } from './store-keys.ts';
import type { Table } from './table.ts';
import { DigestBook, type TrailSpan } from './table-digest.ts';

export const auditSchema = 1;
export const auditIndexTables = ['holder', 'lock', 'target', 'action'] as const;
export type AuditIndexTable = (typeof auditIndexTables)[number];
/** Of an event its checksum is enough: it covers the rest. */
export const eventDigestBytes = 4;

/** Every lease writes these: newest first they are found at once, and an index of them would cost more than it saves. */
const bulkActions: ReadonlySet<AuditAction> = new Set<AuditAction>(['acquired', 'renewed', 'released']);

const atBytes = 8;
const actionValues = auditActions.map((_, number) => Buffer.of(number));

export interface AuditIndexEntry {
  readonly table: AuditIndexTable;
  readonly key: Buffer;
  readonly value: Buffer;
}

export class AuditTables {
  readonly environment: Environment;
  readonly events: Table;
  readonly meta: MetaTable;
  readonly holder: Table;
  readonly lock: Table;
  readonly target: Table;
  readonly action: Table;

  constructor(environment: Environment) {
    this.environment = environment;
    this.events = environment.table('events');
    this.meta = new MetaTable(environment.table('meta'));
    this.holder = environment.table('holder');
    this.lock = environment.table('lock');
    this.target = environment.table('target');
    this.action = environment.table('action');
  }

  table(name: AuditIndexTable): Table {
    return this[name];
  }

  /** Inside `write` only: makes the digests when there are none, as in a trail from before there were any; such a trail is indexed. */
  beginDigests(): void {
    const { events, holder, lock, target, action } = this;
    const valueBytes = (table: string) => (table === 'events' ? eventDigestBytes : Number.MAX_SAFE_INTEGER);
    DigestBook.begin(this.meta, { events, holder, lock, target, action }, valueBytes, this.#span());
    const digests = new DigestBook(this.meta);
    if (!Number.isFinite(digests.indexed))
      digests.raise({ indexed: Math.max(digests.newest, this.#span().newest ?? 0) });
    digests.save();
  }

  #span(): TrailSpan {
    const oldest = firstKey(this.events, false);
    const newest = firstKey(this.events, true);
    if (oldest === undefined || newest === undefined) return {};
    return { newest: atOfKey(newest), dropped: Math.max(0, atOfKey(oldest) - 1) };
  }
}

function firstKey(table: Table, reverse: boolean): Buffer | undefined {
  for (const key of table.keys({ reverse })) return key;
  return undefined;
}

export type AuditEnvironmentOptions = Omit<EnvironmentOptions, 'durability'>;

export function openAuditEnvironment(directory: string, options: AuditEnvironmentOptions = {}): Environment {
  // The record of who did what is nowhere else: a commit returns when it is on disk. Batches make that cheap.
  return openEnvironment(directory, { ...options, durability: 'flush' });
}

/** @throws SCHEMA_NEWER, STORE_DAMAGED, STORE_UNAVAILABLE. */
export async function openAuditTables(
  directory: string,
  options: AuditEnvironmentOptions = {},
): Promise<AuditTables> {
  const environment = openAuditEnvironment(directory, options);
  try {
    const tables = new AuditTables(environment);
    const isNew = tables.meta.get('schema', isCount) === undefined && tables.events.isEmpty();
    if (isNew && !environment.readOnly) environment.write(() => tables.meta.put('schema', auditSchema));
    else if (!isNew) checkSchema(tables.meta, auditSchema, directory);
    if (options.writer === true && !Number.isFinite(new DigestBook(tables.meta).indexed))
      environment.write(() => tables.beginDigests());
    return tables;
  } catch (error) {
    await environment.close();
    throw error;
  }
}

/** All index entries of one event: what is written, removed and verified. */
export function auditIndexEntries(event: AuditEvent): readonly AuditIndexEntry[] {
  const { at, action, holder, lock } = event;
  const value = actionValue(action);
  const entries: AuditIndexEntry[] = [];
  const add = (table: AuditIndexTable, prefix: Buffer) =>
    entries.push({ table, key: withAt(prefix, at), value });
  if (holder !== undefined) add('holder', namePrefix(holder));
  if (lock !== undefined) add('lock', namePrefix(lock));
  for (const path of targetPaths(event)) add('target', pathText(event.project ?? '', path));
  if (!bulkActions.has(action)) add('action', actionPrefix(action));
  return entries;
}

/** The paths that an event is about, each once. */
export function targetPaths(event: Pick<AuditEvent, 'targets'>): readonly string[] {
  if (event.targets === undefined) return [];
  return [...new Set(event.targets.map(targetPath))];
}

/**
 * The path of a target as people write it: without `:10-20`, `:10-`, `:10`, or `#function:login`. A path that itself ends so
 * is taken for one with a scope, by the writer and the reader alike.
 */
export function targetPath(target: string): string {
  const symbol = /^(.+?)#(?:function|class|method|module):.+$/s.exec(target);
  if (symbol?.[1] !== undefined) return symbol[1];
  const lines = /^(.+):\d+(?:-(?:\d+|-1)?)?$/s.exec(target);
  return lines?.[1] ?? target;
}

export function isIndexedAction(action: AuditAction): boolean {
  return !bulkActions.has(action);
}

/** A name over the limit of a key (none of ours is; an event may come from a future version) shares the form of long paths. */
export function namePrefix(name: string): Buffer {
  return pathText('', name);
}

export function actionPrefix(action: AuditAction): Buffer {
  return actionValue(action);
}

export function actionValue(action: AuditAction): Buffer {
  return actionValues[auditActions.indexOf(action)] ?? Buffer.of(0xff);
}

export function withAt(prefix: Buffer, at: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + atBytes);
  prefix.copy(key);
  key.writeUInt32BE(Math.floor(at / 2 ** 32), prefix.length);
  key.writeUInt32BE(at >>> 0, prefix.length + 4);
  return key;
}

export function atOfKey(key: Buffer): number {
  const start = key.length - atBytes;
  return key.readUInt32BE(start) * 2 ** 32 + key.readUInt32BE(start + 4);
}
