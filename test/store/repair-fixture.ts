/** What must be in the stores after a repair. */
import assert from 'node:assert/strict';
import { skippedPositions } from '../../src/store/repair-log.ts';
import type { StoreName } from './damage-fixture.ts';
import type { Mended } from './mend-and-serve.ts';
import type { Contents, RecordPlace } from './record-places.ts';

/** Records none of whose bytes were touched. */
export interface Kept {
  readonly deltas: ReadonlySet<number>;
  readonly events: ReadonlySet<number>;
}

/** @param isTouched for one of the places where a record lies. */
export function keptRecords(
  { deltas, events }: Contents,
  places: readonly RecordPlace[],
  isTouched: (place: RecordPlace) => boolean,
): Kept {
  const touched = (store: StoreName) =>
    new Set(places.filter((place) => place.store === store && isTouched(place)).map(({ record }) => record));
  const [gone, silent] = [touched('delta'), touched('audit')];
  return {
    deltas: new Set(numbersOf(deltas).filter((position) => !gone.has(position))),
    events: new Set(numbersOf(events).filter((at) => !silent.has(at))),
  };
}

/** Nothing that could be had is lost, nothing is there that was not, what is lost is counted, and no number goes back. */
export function assertKept(was: Contents, kept: Kept, { repair, contents }: Mended): void {
  const { deltas, events, lostPositions, lostEvents, state } = contents;
  for (const position of kept.deltas)
    assert.equal(deltas[position], was.deltas[position], `position ${position}`);
  for (const at of kept.events) assert.equal(events[at], was.events[at], `event ${at}`);
  for (const position of numbersOf(deltas))
    if (position >= was.state.floor)
      assert.equal(deltas[position], was.deltas[position], `position ${position}`);
  const oldest = Math.min(...numbersOf(was.events));
  for (const at of numbersOf(events))
    if (at >= oldest) assert.equal(events[at], was.events[at], `event ${at}`);
  // Where nothing tells how far the log went, positions are left out, so that none is given twice.
  const skipped = state.head > was.state.head ? skippedPositions : 0;
  if (skipped > 0) assert.ok(repair.lost.atLeast, 'there may have been more');
  assert.equal(repair.lost.deltas, lostPositions.length - skipped);
  assert.equal(repair.lost.auditEvents, lostEvents);
  const missing = numbersOf(was.deltas).filter((position) => deltas[position] === undefined);
  for (const position of missing)
    assert.ok(lostPositions.includes(position), `${position} is told to be lost`);
  const silent = numbersOf(was.events).filter((at) => events[at] === undefined);
  // When what counted them is gone too, it is only known that there may be some.
  const least = silent.length === 0 ? 0 : 1;
  assert.ok(
    lostEvents >= least && lostEvents <= Math.max(1, silent.length),
    `${lostEvents} events are counted as lost, ${silent.length} are`,
  );
  for (const [name, value] of Object.entries(was.state)) {
    if (name === 'floor') continue;
    const now = state[name as keyof Contents['state']];
    // Where the newest records and all that told of them are gone, and counted as lost, it is not known how far they went.
    const isGone =
      (name === 'clock' && missing.length > 0) ||
      (name === 'auditNewest' && silent.length > 0 && lostEvents > 0);
    assert.ok(now >= value || isGone, `${name} went from ${value} to ${now}`);
  }
  assert.ok(state.head - skipped <= was.state.head, `the head is ${state.head}`);
  assert.ok(state.floor <= was.state.floor, 'the floor is not raised');
}

/** The own seqs are not given twice; those of others are theirs. */
export function assertOwnSeqs(was: Contents, now: Contents, own: string): void {
  const [before, after] = [was.seqs[own] ?? 0, now.seqs[own] ?? 0];
  assert.ok(after >= before, `the own seq went from ${before} to ${after}`);
}

function numbersOf(record: Readonly<Record<number, unknown>>): readonly number[] {
  return Object.keys(record).map(Number);
}
