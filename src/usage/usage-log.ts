/**
 * Token usage, as JSON lines: `metrics/usage_YYYY-MM-DD.jsonl`, by the day of the record in UTC, one object a line in the form
 * that the older program wrote, which reads them too. Lines are gathered for up to a second and appended in one write.
 */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { randomHex } from '../base/random.ts';
import { PriceList } from './price-list.ts';
import { type UsageCategory, usageCategories } from './usage-category.ts';
import { UsageSums } from './usage-sums.ts';
import type { UsageTotals } from './usage-totals.ts';

export interface UsageRecord {
  /** `rec-` and 16 hexadecimal digits. */
  readonly id: string;
  readonly category: UsageCategory;
  readonly tokens: number;
  readonly model: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const flushMs = 1000;
/** Kept in memory when the disk refuses; what comes then is counted as lost. */
const maxPending = 10_000;

export class UsageLog {
  readonly #directory: string | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #prices: PriceList;
  #pending: UsageRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #lost = 0;

  /** @param directory undefined: nothing is written, and the records of this process alone are counted. */
  constructor(
    directory: string | undefined,
    components: { readonly clock: Clock; readonly logger: Logger; readonly prices?: PriceList },
  ) {
    this.#directory = directory;
    this.#prices = components.prices ?? new PriceList();
    this.#clock = components.clock;
    this.#logger = components.logger;
  }

  /** Takes a record; it is on disk within a second. */
  record(entry: Omit<UsageRecord, 'id' | 'timestamp'>): UsageRecord {
    const record: UsageRecord = {
      id: `rec-${randomHex(8)}`,
      category: entry.category,
      tokens: entry.tokens,
      model: entry.model,
      timestamp: new Date(this.#clock.wallMs()).toISOString(),
      ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
    };
    if (this.#pending.length >= maxPending) this.#lost += 1;
    else this.#pending.push(record);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
    return record;
  }

  /** Resolves when everything taken so far is in its file, or the disk has refused it. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Of all records of the given days, UTC, first and last included. Bad and torn lines count for nothing. */
  async totals(fromDay: string, toDay: string): Promise<UsageTotals> {
    await this.flush();
    const sums = new UsageSums(this.#prices);
    for await (const record of this.#recordsFrom(fromDay)) {
      const day = record.timestamp.slice(0, 10);
      if (day >= fromDay && day <= toDay) sums.add(record);
    }
    return sums.totals;
  }

  async *#recordsFrom(fromDay: string): AsyncGenerator<UsageRecord> {
    yield* this.#pending;
    const directory = this.#directory;
    if (directory === undefined) return;
    for (const name of await readdir(directory).catch(() => [])) {
      const day = /^usage_(\d{4}-\d\d-\d\d)\.jsonl$/.exec(name)?.[1];
      // A legacy line may lie in the file of a later day.
      if (day === undefined || day < fromDay) continue;
      const text = await readFile(join(directory, name), 'utf8').catch(() => '');
      yield* text.split('\n').flatMap((line) => parseUsageLine(line) ?? []);
    }
  }

  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
    if (this.#lost > 0) this.#logger.error('usage records were lost', { lost: this.#lost });
  }

  async #write(): Promise<void> {
    const records = this.#pending;
    if (records.length === 0 || this.#directory === undefined) return;
    this.#pending = [];
    const days = new Map<string, UsageRecord[]>();
    for (const record of records) {
      const day = record.timestamp.slice(0, 10);
      days.set(day, [...(days.get(day) ?? []), record]);
    }
    for (const [day, some] of days) {
      try {
        await appendRecords(this.#directory, day, some);
      } catch (error) {
        this.#pending = [...some, ...this.#pending].slice(0, maxPending);
        this.#logger.warn('usage could not be written', { day, error: String(error) });
      }
    }
  }
}

async function appendRecords(directory: string, day: string, records: readonly UsageRecord[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await using file = await open(join(directory, `usage_${day}.jsonl`), 'a', 0o600);
  await file.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await file.datasync();
}

/** Undefined for a line that is torn or of another form. */
function parseUsageLine(line: string): UsageRecord | undefined {
  if (line === '') return undefined;
  try {
    const { id, category, tokens, model, timestamp, metadata } = JSON.parse(line) as Partial<
      Record<string, unknown>
    >;
    const isSound =
      typeof id === 'string' &&
      typeof tokens === 'number' &&
      Number.isFinite(tokens) &&
      typeof model === 'string' &&
      typeof timestamp === 'string' &&
      !Number.isNaN(Date.parse(timestamp));
    if (!isSound) return undefined;
    return {
      id,
      category: usageCategories.find((known) => known === category) ?? 'other',
      tokens,
      model,
      timestamp: new Date(timestamp).toISOString(),
      ...(typeof metadata === 'object' && metadata !== null ? { metadata: { ...metadata } } : {}),
    };
  } catch {
    return undefined;
  }
}
