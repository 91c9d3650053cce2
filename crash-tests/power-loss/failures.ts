/** Keeps what a failed campaign leaves: the recording, and the states that broke a promise, built anew. */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { seededRandom } from '../../test/support/seed.ts';
import type { DrawnState } from './draw-states.ts';
import type { NotOpened, Opened } from './judge.ts';
import { isOfRecording } from './record.ts';
import { writeState } from './state-files.ts';

export interface FailedState {
  readonly drawn: DrawnState;
  readonly opened: Opened | NotOpened;
  readonly problems: readonly string[];
}

/** A cause shows in more states than anybody looks at. */
const mostKept = 5;

/** @param recorded where the recording lies. @param kept where everything is kept; it may be the same. */
export function keepFailures(recorded: string, kept: string, failures: readonly FailedState[]): void {
  if (resolve(recorded) !== resolve(kept)) {
    rmSync(kept, { recursive: true, force: true });
    mkdirSync(kept, { recursive: true });
    for (const name of readdirSync(recorded))
      if (isOfRecording(name)) cpSync(join(recorded, name), join(kept, name));
  }
  for (const [at, { drawn, opened, problems }] of failures.slice(0, mostKept).entries()) {
    const to = join(kept, `state-${at}`);
    writeState(to, drawn.state.files, seededRandom(drawn.draw.seed));
    const told = { draw: drawn.draw, moment: shown(drawn), problems, opened };
    writeFileSync(join(kept, `state-${at}.json`), JSON.stringify(told, plain, 1));
  }
}

function shown({ moment: { operation, edge } }: DrawnState): object {
  const { number, kind, begin, end, life } = operation;
  const path = 'path' in operation ? operation.path : undefined;
  return { edge, number, kind, path, begin, end, life };
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value;
}
