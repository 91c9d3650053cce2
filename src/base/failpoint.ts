/**
 * Named places where a crash test makes something go wrong (Gray & Siewiorek's fault injection; the form is etcd's gofail).
 * Off, which is always but in tests, a failpoint costs one comparison.
 *
 * `AGENT_COLLAB_FAILPOINTS=persist.applied=exit@3,log.append=throw` arms places: `kill` is SIGKILL of the whole process, `exit` ends
 * the thread, `throw` throws, `stall` blocks the thread for ever, as a disk that hangs does; `@n` at the n-th time the place is
 * passed in its thread, once, `@n+` each time from then on. Workers inherit the variable, and each begins to count anew.
 */
import { armedFailpoints } from './environment.ts';
import { CollabError } from './errors.ts';
import { endThread } from './exit.ts';

interface Armed {
  readonly action: 'kill' | 'exit' | 'throw' | 'stall';
  /** How many more times the place is passed before it acts. */
  left: number;
  readonly again: boolean;
}

const armed = parseFailpoints(armedFailpoints());

/** @throws INTERNAL when the place is armed with `throw`. */
export function failpoint(name: string): void {
  if (armed !== undefined) act(name, armed);
}

function act(name: string, points: Map<string, Armed>): void {
  const point = points.get(name);
  if (point === undefined) return;
  point.left -= 1;
  if (point.left > 0 || (point.left < 0 && !point.again)) return;
  if (point.action === 'kill') process.kill(process.pid, 'SIGKILL');
  if (point.action === 'exit') endThread();
  if (point.action === 'stall') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new CollabError('INTERNAL', `failpoint ${name}`);
}

/** Undefined when nothing is armed. An entry that is none is refused: a crash test that arms nothing would pass. */
function parseFailpoints(text: string | undefined): Map<string, Armed> | undefined {
  if (text === undefined || text === '') return undefined;
  return new Map(
    text.split(',').map((entry) => {
      const match = /^([a-z][a-z.-]*)=(kill|exit|throw|stall)(?:@([1-9]\d*)(\+)?)?$/.exec(entry.trim());
      if (match?.[1] === undefined)
        throw new CollabError('INVALID_ARGUMENT', `"${entry}" is not a failpoint`);
      return [
        match[1],
        { action: match[2] as Armed['action'], left: Number(match[3] ?? 1), again: match[4] === '+' },
      ];
    }),
  );
}
