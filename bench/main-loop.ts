/** What offloading buys: how long the main thread is away from its locks while deltas and audit events flow. */
import { once } from 'node:events';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from '../src/audit/audit-event.ts';
import type { Delta } from '../src/delta/delta.ts';
import type { LockTable } from '../src/lock/lock-table.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { claimOf, filledTable, grant } from './harness/locks.ts';
import {
  type BenchContext,
  type BenchSpec,
  figuresOf,
  inTurns,
  median,
  type Row,
  spreadOf,
} from './harness/measure.ts';
import { deltaOf, eventOf, nodeKey, timeOf } from './harness/records.ts';
import { startThread } from './harness/thread.ts';
import { inline } from './main-loop/inline.ts';
import { postMessage } from './main-loop/post-message.ts';
import { sharedQueue } from './main-loop/shared-queue.ts';
import type { Sink, SinkSpec } from './main-loop/sink.ts';

const eventsPerSecond = 10_000;
const deltaRates = [1000, 10_000, 50_000];
const tickMs = 1;
/** Locks that are taken and released behind each request, one after the other. */
const pairsPerRequest = 20;
/** The resolution of the monitor, which it adds to what it tells. */
const monitorMs = 1;

const nothing: SinkSpec = {
  name: 'no load',
  open: async () => ({ deltas() {}, events() {}, close: async () => {} }),
};

export const mainLoop: BenchSpec = {
  name: 'main-loop',
  about: `locks on the main thread, 10 000 leases held, while deltas and ${eventsPerSecond} audit events a second flow`,
  async run(context) {
    const rates = context.smoke ? [1000] : deltaRates;
    const loads: Load[] = [
      { sink: nothing, rate: 0 },
      ...rates.flatMap((rate) => [sharedQueue, postMessage, inline].map((sink) => ({ sink, rate }))),
    ];
    const table = filledTable(context.smoke ? 100 : 10_000);
    const results = await inTurns(
      context,
      loads.map(
        (load, at) => (repetition: number) =>
          measure(context, table, load, join(context.scratch, `${at}-${repetition}`)),
      ),
    );
    const checksum = new WorkChecksum();
    for (const { rate } of loads) checksum.number(rate);
    return loads.flatMap((load, at) => rowsOf(load, results[at] ?? [], checksum.hex));
  },
};

interface Load {
  readonly sink: SinkSpec;
  /** Deltas a second. */
  readonly rate: number;
}

/** All in µs. */
interface Outcome {
  /** Deltas a second that were really taken. */
  readonly rate: number;
  /** Of acquire and release themselves. */
  readonly operations: readonly number[];
  /** From the client's request until it is granted. */
  readonly grants: readonly number[];
  readonly loopDelayP50: number;
  readonly loopDelayP99: number;
  readonly loopDelayMax: number;
}

function rowsOf({ sink, rate }: Load, outcomes: readonly Outcome[], checksum: string): readonly Row[] {
  const load = rate === 0 ? sink.name : `${rate.toLocaleString('en-US')}/s, ${sink.name}`;
  const judged = sink === sharedQueue && rate === deltaRates.at(-1);
  const taken = rate === 0 ? {} : { rate: median(outcomes.map((outcome) => outcome.rate)) };
  const samples = (pick: (outcome: Outcome) => readonly number[]) => ({
    ...figuresOf(outcomes.flatMap(pick)),
    ...taken,
    spread: spreadOf(outcomes.map((outcome) => figuresOf(pick(outcome)).p50)),
    checksum,
  });
  const delays = outcomes.map(({ loopDelayP99 }) => loopDelayP99);
  return [
    { what: `from request to grant: ${load}`, ...samples(({ grants }) => grants), targets: [] },
    {
      what: `acquire + release: ${load}`,
      ...samples(({ operations }) => operations),
      targets: judged
        ? [
            { field: 'p50', bound: 'at most', value: 2 },
            { field: 'p99', bound: 'at most', value: 20 },
          ]
        : [],
    },
    {
      what: `event-loop delay: ${load}`,
      p50: median(outcomes.map(({ loopDelayP50 }) => loopDelayP50)),
      p99: median(delays),
      max: Math.max(...outcomes.map(({ loopDelayMax }) => loopDelayMax)),
      ...taken,
      spread: spreadOf(delays),
      checksum,
      targets: judged ? [{ field: 'p99', bound: 'at most', value: 5000 }] : [],
    },
  ];
}

async function measure(
  context: BenchContext,
  table: LockTable,
  { sink: spec, rate }: Load,
  directory: string,
): Promise<Outcome> {
  const sink = await spec.open(directory);
  const client = startThread(new URL('main-loop/lock-client.ts', import.meta.url));
  const operations: number[] = [];
  const grants: number[] = [];
  let at = 0;
  const pair = () => {
    const claim = claimOf(at++ % 1000, 'agent-x', 500);
    const start = performance.now();
    table.release(grant(table, claim).id, claim.agent);
    operations.push((performance.now() - start) * 1000);
  };
  client.on('message', (askedAt: bigint) => {
    const claim = claimOf(at++ % 1000, 'agent-x', 500);
    const { id } = grant(table, claim);
    grants.push(Number(process.hrtime.bigint() - askedAt) / 1000);
    table.release(id, claim.agent);
    for (let count = 0; count < pairsPerRequest; count += 1) pair();
  });
  await once(client, 'message');
  const flow = new Flow(sink, rate);
  // The first moments belong to threads that start and code that is compiled.
  await flow.run(context.smoke ? 100 : 500);
  operations.length = 0;
  grants.length = 0;
  const monitor = monitorEventLoopDelay({ resolution: monitorMs });
  monitor.enable();
  const taken = await flow.run(context.smoke ? 200 : 2000);
  monitor.disable();
  await client.terminate();
  await sink.close();
  const delayUs = (ns: number) => Math.max(0, ns / 1000 - monitorMs * 1000);
  return {
    rate: taken,
    operations: [...operations],
    grants: [...grants],
    loopDelayP50: delayUs(monitor.percentile(50)),
    loopDelayP99: delayUs(monitor.percentile(99)),
    loopDelayMax: delayUs(monitor.max),
  };
}

/** Gives what is due, a millisecond at a time, and never more than one batch ahead of what is taken. */
class Flow {
  readonly #sink: Sink;
  readonly #rate: number;
  #deltas = 0;
  #events = 0;

  constructor(sink: Sink, rate: number) {
    this.#sink = sink;
    this.#rate = rate;
  }

  /** @returns deltas taken a second */
  async run(ms: number): Promise<number> {
    const start = performance.now();
    const deltasBefore = this.#deltas;
    let given = 0;
    for (;;) {
      const elapsed = performance.now() - start;
      if (elapsed >= ms) return (this.#deltas - deltasBefore) / (elapsed / 1000);
      if (this.#rate > 0) {
        const due = Math.floor((elapsed / 1000) * this.#rate) - (this.#deltas - deltasBefore);
        const events = Math.floor((elapsed / 1000) * eventsPerSecond) - given;
        given += events;
        if (events > 0) await this.#sink.events(this.#nextEvents(events));
        // What is late is not made up for at once: that would be a burst, not a flow.
        if (due > 0) await this.#sink.deltas(this.#nextDeltas(Math.min(due, (this.#rate / 1000) * 10)));
      }
      await delay(tickMs);
    }
  }

  #nextDeltas(count: number): readonly Delta[] {
    return Array.from({ length: Math.ceil(count) }, () => {
      const at = this.#deltas++;
      return { ...deltaOf(nodeKey.nodeId, at + 1, at % 1000), time: timeOf(at) };
    });
  }

  #nextEvents(count: number): readonly AuditEvent[] {
    return Array.from({ length: count }, () => eventOf(++this.#events));
  }
}
