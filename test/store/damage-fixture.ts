/** A real triple of stores at rest, what is in it, and ways to damage its pages. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditEvent, encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { compactAudit, compactLog } from '../../src/store/retention.ts';
import type { SeededRandom } from '../support/seed.ts';
import { auditEvent } from './audit-store-contract.ts';
import { own, sign } from './log-fixture.ts';
import { Author, testNode } from './store-fixture.ts';

export const storeNames = ['delta', 'index', 'audit'] as const;
export type StoreName = (typeof storeNames)[number];

export interface Places {
  readonly delta: string;
  readonly index: string;
  readonly audit: string;
}

export function placesIn(directory: string): Places {
  return {
    delta: join(directory, 'delta'),
    index: join(directory, 'index'),
    audit: join(directory, 'audit'),
  };
}

/** Two sources, large values, retention behind it, and a start on record: every kind of page there is. */
export async function makeStores(directory: string, deltas = 400): Promise<Places> {
  const places = placesIn(directory);
  const log = await DeltaLogWriter.open(places.delta, { node: own.id });
  const index = await DeltaIndexWriter.open(places.index, log.view, { batch: 200 });
  const audit = await AuditWriter.open(places.audit);
  const intake = new DeltaIntake(log.headState().head, log.headState().sources);
  const [author, other] = [new Author(own), new Author(testNode('peer'))];
  const events: AuditEvent[] = [];
  for (let at = 0; at < deltas; at += 50) {
    const incoming = Array.from({ length: 50 }, (_, offset) => {
      const number = at + offset;
      const text = 'x'.repeat(number % 97 === 0 ? 9000 : 100 + (number % 400));
      const payload = { path: `src/d${number % 7}/f${number % 61}.ts`, text };
      return number % 10 === 0 ? other.foreign({ payload }) : author.own({ payload });
    });
    const { records, take } = intake.admit(incoming);
    log.append(records, sign);
    take();
    if (at % 200 === 0) index.applyUpTo(Number.MAX_SAFE_INTEGER);
    const batch = Array.from({ length: 50 }, (_, offset) => eventOf(at + offset + 1));
    events.push(...batch);
    audit.append(batch.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) })));
  }
  index.applyUpTo(Number.MAX_SAFE_INTEGER);
  const before = log.view.delta(Math.floor(deltas / 5)).time;
  for (const _ of compactLog(log.view, index.tables, { before })) {
    // To the end.
  }
  for (const _ of compactAudit(audit.tables, events[Math.floor(deltas / 5)]?.at ?? (0 as HlcTime))) {
    // To the end.
  }
  log.reserveFences(1000, audit.newest());
  await audit.close();
  await index.close();
  await log.close();
  return places;
}

function eventOf(tick: number): AuditEvent {
  return auditEvent(tick, {
    action: tick % 3 === 0 ? 'denied' : 'acquired',
    holder: `claude:${tick % 11}`,
    lock: `lock-${tick % 101}`,
    targets:
      tick % 211 === 0
        ? Array.from({ length: 150 }, (_, at) => `src/wide/file-${at}.ts`)
        : [`src/f${tick % 17}`],
  });
}

export function copyStores(from: Places, directory: string): Places {
  rmSync(directory, { recursive: true, force: true });
  const to = placesIn(directory);
  for (const store of storeNames) {
    mkdirSync(to[store], { recursive: true });
    cpSync(join(from[store], 'data.mdb'), join(to[store], 'data.mdb'));
  }
  return to;
}

export interface Flip {
  readonly store: StoreName;
  readonly byte: number;
  readonly bit: number;
  /** What lies there: `meta`, `branch key`, `leaf value`, … */
  readonly kind: string;
}

export function applyFlip(places: Places, { store, byte, bit }: Flip): void {
  alterFile(places[store], (bytes) => {
    bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
  });
}

/** @param alter changes the bytes, or gives others in their place. */
export function alterFile(directory: string, alter: (bytes: Buffer) => unknown): void {
  const file = join(directory, 'data.mdb');
  const bytes = readFileSync(file);
  const others = alter(bytes);
  writeFileSync(file, Buffer.isBuffer(others) ? others : bytes);
}

export function readFiles(places: Places): Readonly<Record<StoreName, Buffer>> {
  const read = (store: StoreName) => readFileSync(join(places[store], 'data.mdb'));
  return { delta: read('delta'), index: read('index'), audit: read('audit') };
}

const pageBytes = 4096;

/** A place drawn evenly over the kinds of places, not over the bytes: nearly all of those are values. */
export function drawFlip(files: Readonly<Record<StoreName, Buffer>>, random: SeededRandom): Flip {
  const store = random.pick(storeNames);
  const bytes = files[store];
  const wanted = random.pick([
    'meta',
    'meta',
    'branch',
    'leaf head',
    'leaf offsets',
    'leaf node head',
    'key',
    'value',
    'overflow head',
    'overflow value',
    'any',
  ]);
  for (let attempt = 0; ; attempt++) {
    const byte =
      wanted === 'meta' ? random.int(0, 1) * pageBytes + random.int(0, 175) : random.int(0, bytes.length - 1);
    const kind = kindOf(bytes, byte);
    const fits = wanted === 'any' || attempt > 3000 || kind.startsWith(wanted);
    if (fits) return { store, byte, bit: random.int(0, 7), kind };
  }
}

function kindOf(bytes: Buffer, byte: number): string {
  const page = Math.floor(byte / pageBytes) * pageBytes;
  if (page < 2 * pageBytes) return 'meta';
  const inPage = byte - page;
  const flags = bytes.readUInt16LE(page + 18);
  if (bytes.readUInt32LE(page) * pageBytes !== page) return 'overflow value';
  if (flags === 4) return inPage < 24 ? 'overflow head' : 'overflow value';
  const name = flags === 1 ? 'branch' : 'leaf';
  if (inPage < 24) return `${name} head`;
  const lower = bytes.readUInt16LE(page + 20);
  const upper = bytes.readUInt16LE(page + 22);
  if (inPage < 24 + lower) return `${name} offsets`;
  if (inPage < 24 + upper) return `${name} gap`;
  if (name === 'branch') return 'branch node';
  for (let index = 0; index < lower / 2; index++) {
    const node = 24 + bytes.readUInt16LE(page + 24 + index * 2);
    const keyBytes = bytes.readUInt16LE(page + node + 6);
    const valueBytes = (bytes.readUInt16LE(page + node + 4) & 1) === 1 ? 24 : bytes.readUInt32LE(page + node);
    if (inPage < node || inPage >= node + 8 + keyBytes + valueBytes) continue;
    if (inPage < node + 8) return 'leaf node head';
    return inPage < node + 8 + keyBytes ? 'key' : 'value';
  }
  return 'leaf padding';
}
