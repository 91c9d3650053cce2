/** Runs the real daemon under strace while agents work: what it wrote and synced, and what it answered, in one order. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { hlcFromMs } from '../../src/base/hybrid-clock.ts';
import { seededRandom } from '../../test/support/seed.ts';
import { DaemonProcess, type Program } from '../daemon-process.ts';
import { type History, newHistory } from '../history.ts';
import { acquire, askTrail, endLock, paths, shareText, work } from '../workload.ts';
import { type Operation, readOperations, tracedCalls } from './file-operations.ts';
import { linesOf, readSyscalls } from './strace-log.ts';

export interface RecordOptions {
  /** Empty; the recording stays in it. */
  readonly directory: string;
  readonly seed: number;
  readonly program: Program;
  /** Answers that agents wait for in each life of the daemon. */
  readonly answers: number;
}

/** A share that was answered as flushed: it must be there after a power loss from that moment on. */
export interface Promised {
  readonly id: string;
  readonly path: string;
  readonly content: string;
  /** Which life of the daemon answered. What was merely accepted in one life may have had the same id. */
  readonly life: number;
  /** Written by a daemon whose clock was behind by more than the retention: compaction may drop it. */
  readonly aged: boolean;
}

export interface Recording {
  /** Everything below it is watched. The data directory is `home` in it. */
  readonly watched: string;
  readonly traces: readonly string[];
  readonly promised: readonly Promised[];
  /** Microseconds since 1970: before that nothing was compacted. */
  readonly compactedFrom: number;
  /** Audit events below it may be dropped by compaction: their hybrid time. */
  readonly agedBefore: number;
}

/** An operation and the life of the daemon that did it. */
export type LivedOperation = Operation & { readonly life: number };

/** Above the largest write of LMDB and of an answer: a string that was cut could not be replayed. */
const longestString = 16 * 1024 * 1024;
/** Over both retentions (30 and 90 days). */
const agedDays = 100;
const burstShares = 60;
/** Of old records: their file has to be worth a compact copy once they are dropped. */
const agedBursts = 2;
/** Under strace, on a machine with other work. */
const compactWithinMs = 60_000;
/** A daemon compacts by itself half a minute after its start. */
const untouchedMs = 29_000;

export async function record(options: RecordOptions): Promise<Recording> {
  const { seed, answers } = options;
  mkdirSync(join(options.directory, 'watched'));
  const watched = realpathSync(join(options.directory, 'watched'));
  const project = join(options.directory, 'project');
  execFileSync('git', ['init', '--quiet', project]);
  const lives = new Lives(options, watched, project);
  // Old records first, killed in the middle: their pages are the ones that later lives use again.
  await lives.run({ daysSlow: agedDays }, async (daemon) => {
    for (let burst = 0; burst < agedBursts; burst += 1) await lives.burst(daemon, burstShares);
    await lives.workUntil(daemon, answers, () => daemon.kill());
  });
  await lives.run({}, async (daemon) => {
    await lives.burst(daemon, burstShares);
    await lives.compact(daemon);
    await lives.burst(daemon, burstShares);
    await lives.workUntil(daemon, answers, () => daemon.kill());
  });
  await lives.run({}, async (daemon) => {
    await lives.workUntil(daemon, seededRandom(seed).int(5, answers), () => daemon.terminate());
  });
  const recording = lives.recording();
  writeFileSync(join(options.directory, dataName), JSON.stringify(recording, null, 1));
  return recording;
}

/** One that was kept as evidence: where it lies may have changed, what its traces name has not. */
export function loadRecording(directory: string): Recording {
  const kept = JSON.parse(readFileSync(join(directory, dataName), 'utf8')) as Recording;
  return { ...kept, traces: kept.traces.map((_, at) => join(directory, traceName(at))) };
}

/** What the daemon did, in one order over all its lives. */
export function operationsOf({ traces, watched }: Recording): readonly LivedOperation[] {
  const operations: LivedOperation[] = [];
  for (const [life, trace] of traces.entries())
    for (const operation of readOperations(readSyscalls(linesOf(trace)), watched))
      operations.push({ ...operation, number: operations.length, life });
  return operations;
}

const traceName = (life: number) => `trace-${life}.log`;
const dataName = 'recording.json';
/** What has to be kept of a recording's directory. */
export const isOfRecording = (name: string) => name === dataName || /^trace-\d+\.log$/.test(name);

class Lives {
  readonly #options: RecordOptions;
  readonly #watched: string;
  readonly #project: string;
  readonly #history: History = newHistory();
  readonly #traces: string[] = [];
  #bursts = 0;
  #compactedFrom = Number.POSITIVE_INFINITY;
  #startedMs = 0;

  constructor(options: RecordOptions, watched: string, project: string) {
    this.#options = options;
    this.#watched = watched;
    this.#project = project;
  }

  async run(
    clock: { readonly daysSlow?: number },
    use: (daemon: DaemonProcess) => Promise<void>,
  ): Promise<void> {
    const { directory, program } = this.#options;
    const trace = join(directory, traceName(this.#traces.length));
    this.#startedMs = systemClock.wallMs();
    const daemon = new DaemonProcess(join(this.#watched, 'home'), program, {
      ...clock,
      wrapper: traced(trace),
    });
    try {
      await daemon.ready();
      this.#traces.push(trace);
      await use(daemon);
    } finally {
      daemon.kill();
      // strace holds standard error too: when that ends, the trace is complete.
      await daemon.gone();
    }
    if (this.#history.unexpected.length > 0)
      throw new Error(`the recording is spoilt: ${this.#history.unexpected.join('; ')}`);
  }

  async workUntil(daemon: DaemonProcess, answers: number, strike: () => void): Promise<void> {
    let struck = false;
    await work(() => daemon.client(), this.#history, {
      seed: this.#options.seed,
      agents: 4,
      life: this.#life,
      cwd: this.#project,
      onAnswer: (count) => {
        if (count !== answers) return;
        struck = true;
        strike();
      },
      stopped: () => struck,
    });
    await daemon.gone();
  }

  /** Many shares at once: a transaction that holds many deltas, and writes its pages in few large writes. */
  async burst(daemon: DaemonProcess, shares: number): Promise<void> {
    const client = daemon.client();
    const random = seededRandom(this.#options.seed + this.#bursts);
    const asker = {
      client,
      agent: 'agent-burst',
      history: this.#history,
      plan: { life: this.#life, cwd: this.#project },
    };
    try {
      await Promise.all(
        Array.from({ length: shares }, (_, at) => {
          const filler = 'y'.repeat(random.chance(0.25) ? random.int(5_000, 20_000) : random.int(0, 400));
          const content = `burst ${this.#bursts} ${at} ${filler}`;
          return shareText(asker, { path: random.pick(paths), content, durability: 'flushed' });
        }),
      );
      // In every life an audit event is shown, whatever the agents draw.
      const lock = await acquire(asker, `burst/${this.#bursts}.ts`, `burst ${this.#bursts}`);
      if (lock !== undefined) await endLock(asker, lock, 'released');
      await askTrail(asker);
    } finally {
      client.close();
    }
    this.#bursts += 1;
  }

  async compact(daemon: DaemonProcess): Promise<void> {
    const client = daemon.client();
    try {
      this.#compactedFrom = Math.min(systemClock.wallMs(), this.#startedMs + untouchedMs) * 1000;
      const { data } = await client.call('compact', {}, { timeoutMs: compactWithinMs });
      if (data.dropped === 0 || data.auditDropped === 0) throw new Error('compaction found nothing to drop');
      if (data.reclaimedBytes === 0) throw new Error('compaction made no compact copy');
    } finally {
      client.close();
    }
  }

  recording(): Recording {
    return {
      watched: this.#watched,
      traces: this.#traces,
      promised: this.#history.acknowledged
        .filter(({ durability }) => durability === 'flushed')
        .map(({ id, path, content, life }) => ({ id, path, content, life, aged: life === 0 })),
      compactedFrom: this.#compactedFrom,
      agedBefore: hlcFromMs(systemClock.wallMs() - (agedDays / 2) * 86_400_000),
    };
  }

  get #life(): number {
    return this.#traces.length - 1;
  }
}

/**
 * `-D`: the daemon stays our child, strace is the grandchild. `-y` names the file of each descriptor, `-v -s` cuts nothing, `-xx`
 * prints strings in hexadecimal, which no byte in them can confuse. strace does not see what io_uring writes.
 */
function traced(file: string): readonly string[] {
  return [
    ...['env', 'UV_USE_IO_URING=0', 'strace', '-D', '-f', '-v', '-y', '-ttt', '-T', '-xx', '--seccomp-bpf'],
    ...['-s', String(longestString), '-e', `trace=${tracedCalls.join()}`, '-o', file],
  ];
}
