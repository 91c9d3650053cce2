/** The parts of the delta store by themselves, over directories of a test. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Position } from '../../src/base/ids.ts';
import { signHash } from '../../src/delta/delta-frame.ts';
import type { LogRecord } from '../../src/delta/log-record.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import type { IncomingDelta } from '../../src/store/delta-store.ts';
import { tempDirectory, testNode } from './store-fixture.ts';

export const own = testNode('own');

export const sign = (hash: Uint8Array): Uint8Array => signHash(hash, own.privateKey);

export interface Parts {
  readonly directory: string;
  readonly log: DeltaLogWriter;
  readonly index: DeltaIndexWriter;
  readonly reader: DeltaReader;
  readonly intake: DeltaIntake;
}

/** Opens log and index; closes them after the test unless it did. */
export async function openParts(
  t: TestContext,
  directory = tempDirectory(t),
  options: { readonly batch?: number } = {},
): Promise<Parts> {
  const log = await DeltaLogWriter.open(join(directory, 'delta'), { node: own.id });
  const index = await DeltaIndexWriter.open(join(directory, 'index'), log.view, options);
  const { head, sources } = log.headState();
  const parts = {
    directory,
    log,
    index,
    reader: new DeltaReader(log.view, index.tables),
    intake: new DeltaIntake(head, sources),
  };
  t.after(() => closeParts(parts));
  return parts;
}

export async function closeParts({ log, index }: Pick<Parts, 'log' | 'index'>): Promise<void> {
  await index.close();
  await log.close();
}

/** Appends to the log alone, signed; returns the records, so that they can be applied again. */
export function append({ log, intake }: Parts, incoming: readonly IncomingDelta[]): readonly LogRecord[] {
  const { records, take } = intake.admit(incoming);
  log.append(records, sign);
  take();
  return records;
}

export function record(incoming: IncomingDelta, position: number, body: Uint8Array): LogRecord {
  const { source, seq, time } = incoming.delta;
  return { position: position as Position, source, seq, time, body };
}
