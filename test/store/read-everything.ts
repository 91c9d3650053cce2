/**
 * A process that starts as the daemon does on each directory it is told of: check, and when that finds nothing open and
 * read everything; then it repairs, and serves. One directory a line on stdin, one JSON line out for each.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, LockId, ProjectId } from '../../src/base/ids.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { type Places, placesIn } from './damage-fixture.ts';
import { own } from './log-fixture.ts';
import { type Mended, mendAndServe } from './mend-and-serve.ts';

const project = 'github.com/acme/app' as ProjectId;

export type Answers = Readonly<Record<string, string>>;

/** What one directory gives. */
export interface Reading {
  /** Each answer by itself: the digest of what was read, or the code of the error. */
  readonly answers: Answers;
  readonly mended: Mended | { readonly error: string };
}

async function readAll(places: Places): Promise<Answers> {
  const check = await checkAtStart(places);
  if (!check.sound) return { check: 'damaged' };
  const answers: Record<string, string> = {};
  const ask = (name: string, query: () => unknown) => {
    try {
      answers[name] = createHash('sha256').update(JSON.stringify(query())).digest('hex');
    } catch (error) {
      answers[name] = `error ${codeOf(error)}`;
    }
  };
  try {
    const log = await DeltaLogWriter.open(places.delta, { node: own.id });
    const index = await DeltaIndexWriter.open(places.index, log.view);
    const audit = await AuditWriter.open(places.audit);
    askDeltas(ask, log, new DeltaReader(log.view, index.tables));
    askTrail(ask, new AuditReader(audit.tables));
    await audit.close();
    await index.close();
    await log.close();
  } catch (error) {
    answers.open = `error ${codeOf(error)}`;
  }
  return answers;
}

type Ask = (name: string, query: () => unknown) => void;
const limit = 100_000;

function askDeltas(ask: Ask, log: DeltaLogWriter, reader: DeltaReader): void {
  ask('state', () => ({
    ...log.headState(),
    sources: [...log.headState().sources].map(([id, head]) => [id, head.seq]),
  }));
  ask('since', () => reader.getSince({}, { limit }));
  ask('range', () => reader.getRange(hlcFromMs(0), hlcFromMs(4e12), { limit }));
  ask('source', () => reader.getBySource(own.id, limit));
  for (const path of ['.', 'src/d3'])
    ask(`path ${path}`, () => reader.getByPath({ project, path, subtree: true, limit }));
  ask('latest', () => reader.getLatest({ limit }));
}

function askTrail(ask: Ask, trail: AuditReader): void {
  ask('audit', () => trail.query({ limit }));
  for (const at of [0, 1, 2])
    ask(`holder ${at}`, () => trail.query({ holder: `claude:${at}` as AgentId, limit }));
  ask('lock', () => trail.query({ lock: 'lock-7' as LockId, limit }));
  ask('action', () => trail.query({ action: 'denied', limit }));
  ask('target', () => trail.query({ project, path: 'src/f3', limit }));
}

async function mend(directory: string): Promise<Reading['mended']> {
  try {
    return await mendAndServe(placesIn(directory), join(directory, 'aside'));
  } catch (error) {
    return { error: error instanceof Error ? `${codeOf(error)} ${error.stack}` : String(error) };
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}

for await (const directory of createInterface({ input: process.stdin })) {
  const answers = await readAll(placesIn(directory));
  const reading: Reading = { answers, mended: await mend(directory) };
  process.stdout.write(`${JSON.stringify(reading)}\n`);
}
