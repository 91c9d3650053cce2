/** How things stand for whoever types `agent-collab` alone, and the one command that is useful then. */
import { counted } from '../base/counted.ts';
import type { LockView, StatusView, TargetView, WaiterView } from '../control/results.ts';
import { type Target, targetsOverlap } from '../lock/target.ts';

/** From the most to the least urgent: the first that holds is told. */
export type Situation =
  | 'not-migrated'
  | 'no-daemon'
  | 'no-answer'
  | 'unhealthy'
  | 'no-majority'
  | 'waited-for'
  | 'holding'
  | 'no-repository'
  | 'not-connected'
  | 'others-hold'
  | 'ready';

export interface Facts {
  /** `silent`: it has a connection and says nothing. */
  readonly daemon: StatusView | 'none' | 'silent';
  /** Of the older program, in the data directory and not moved into this one. */
  readonly hasOldData: boolean;
  /** Who asks. */
  readonly agent: string;
  /** Of the project that the directory belongs to. */
  readonly locks: readonly LockView[];
  readonly waiters: readonly WaiterView[];
  readonly inRepository: boolean;
  /** Agent clients that are installed here, when none of them has been connected. */
  readonly unconnected: readonly string[];
}

export interface Advice {
  readonly situation: Situation;
  /** A whole command line. */
  readonly next: string;
  /** Why that one, in a sentence. */
  readonly why: string;
}

export function advice(facts: Facts): Advice {
  const { daemon, agent, locks, waiters } = facts;
  if (facts.hasOldData) {
    return daemon === 'none'
      ? told('not-migrated', 'migrate start', 'data of the older program is here and was not moved yet')
      : told(
          'not-migrated',
          'daemon stop',
          'data of the older program waits for: agent-collab migrate start',
        );
  }
  if (daemon === 'none') return told('no-daemon', 'daemon start', 'no daemon runs');
  if (daemon === 'silent') return told('no-answer', 'daemon restart', 'the daemon does not answer');
  const trouble = troubleOf(daemon);
  if (trouble !== undefined) return told('unhealthy', 'doctor', trouble);
  const { agreement } = daemon.locks;
  if (agreement !== null && !agreement.majority) {
    const { reachable, members } = agreement;
    return told(
      'no-majority',
      'peers list',
      `only ${reachable} of ${members} members can be reached, no majority`,
    );
  }
  const own = locks.filter(({ holder }) => holder === agent);
  const blocking = own.filter((lock) =>
    waiters.some((waiter) => waiter.agent !== agent && overlaps(lock, waiter)),
  );
  const [first] = blocking.length > 0 ? blocking : own;
  if (first !== undefined) {
    const count = waiters.filter((waiter) => waiter.agent !== agent && overlaps(first, waiter)).length;
    const what = first.targets.map(({ text }) => text).join(', ');
    return blocking.length > 0
      ? told('waited-for', `lock release ${first.id}`, `${count} waiting for ${what}, which you hold`)
      : told('holding', `lock release ${first.id}`, `you hold ${what}; give it back when you are done`);
  }
  if (!facts.inRepository) {
    return told(
      'no-repository',
      'lock list --all',
      'this directory is in no repository: change into the one you work on',
    );
  }
  if (facts.unconnected.length > 0) {
    return told(
      'not-connected',
      'setup',
      `${facts.unconnected.join(', ')}: installed here and not connected`,
    );
  }
  if (locks.length > 0)
    return told('others-hold', 'lock list', `others hold ${counted(locks.length, 'lock')} in this project`);
  return told('ready', 'lock acquire <file> -m "what you intend"', 'nobody holds anything in this project');
}

function told(situation: Situation, command: string, why: string): Advice {
  return { situation, next: `agent-collab ${command}`, why };
}

function troubleOf({ readOnly, audit, lanes }: StatusView): string | undefined {
  if (readOnly !== null) return `the daemon is read-only: ${readOnly.reason}`;
  if (audit.lost > 0) return `${audit.lost} audit events were lost`;
  const failed = Object.entries(lanes).filter(([, { state }]) => state === 'failed');
  return failed.length === 0 ? undefined : `failed: ${failed.map(([name]) => name).join(', ')}`;
}

/** Both are of one project, which a waiter does not name. */
function overlaps({ project, targets }: LockView, waiter: WaiterView): boolean {
  const asTarget = ({ path, scope }: TargetView) => ({ project, path, scope }) as Target;
  return targets.some((held) =>
    waiter.targets.some((wanted) => targetsOverlap(asTarget(held), asTarget(wanted)) !== undefined),
  );
}
