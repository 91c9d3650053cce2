/** A history and an observation in which everything is as it should be, for planted bugs to spoil. */
import { type Action, type History, newHistory, type Observation } from '../../crash-tests/history.ts';
import type { AuditView, DeltaView } from '../../src/control/results.ts';

export const source = '12D3KooWSample';
/** When the daemon that was asked had started. */
const startedAt = '2026-01-01T00:01:00.000Z';
const dayMs = 86_400_000;

export interface Case {
  readonly history: History;
  readonly observation: Observation;
}

export function delta(seq: number, path = 'src/a.ts'): DeltaView {
  return {
    id: `${source}:${seq}`,
    position: seq,
    source,
    seq,
    agent: 'agent-0',
    project: 'commit:1',
    type: 'context',
    time: '2026-01-01T00:00:00.000Z',
    hlc: seq,
    deps: {},
    prev: `hash-${seq - 1}`,
    payload: { path, content: `content ${seq}` },
  };
}

/** An event of the lock `lock`, whose intention is its name. */
export function event(cursor: number, action: string, lock: string, fence: number): AuditView {
  return {
    at: '2026-01-01T00:00:00.000Z',
    cursor,
    action,
    node: source,
    lock,
    fence,
    holder: 'agent-0',
    intention: `intend ${lock}`,
  };
}

export function daysEarlier<T extends { readonly at: string }>(days: number, one: T): T {
  return { ...one, at: new Date(Date.parse(startedAt) - days * dayMs).toISOString() };
}

export function action(
  what: Action['action'],
  lock: string,
  fence: number,
  life: number,
  answeredAt: number,
): Action {
  return {
    action: what,
    intention: `intend ${lock}`,
    lockId: lock,
    fence,
    agent: 'agent-0',
    life,
    answeredAt,
  };
}

/**
 * Five deltas, three of them acknowledged, and three locks: `a` was released, `b` was held when its daemon was killed, `d` is of the life
 * before, whose daemon ended in order. Life 2 is asked.
 */
export function sound(): Case {
  const history = newHistory();
  history.acknowledged.push(
    ...[1, 2, 3].map((seq) => ({
      id: `${source}:${seq}`,
      path: 'src/a.ts',
      content: `content ${seq}`,
      durability: seq === 2 ? ('committed' as const) : ('flushed' as const),
      life: 0,
    })),
  );
  const grant = { agent: 'agent-0' };
  history.granted.push(
    { ...grant, lockId: 'd', path: 'src/c.ts', fence: 9, life: 0 },
    { ...grant, lockId: 'a', path: 'src/a.ts', fence: 1000, life: 1 },
    { ...grant, lockId: 'b', path: 'src/b.ts', fence: 1001, life: 1 },
  );
  history.actions.push(
    action('acquired', 'd', 9, 0, 1),
    action('released', 'd', 9, 0, 2),
    action('acquired', 'a', 1000, 1, 4),
    action('released', 'a', 1000, 1, 5),
    action('acquired', 'b', 1001, 1, 7),
  );
  history.barriers.push({ life: 0, askedAt: 3 }, { life: 1, askedAt: 6 });
  history.ticks = 7;
  history.seen.push(delta(1), delta(2, 'src/b.ts'));
  const events = [
    event(6, 'lost', 'b', 1001),
    event(5, 'acquired', 'b', 1001),
    event(4, 'released', 'a', 1000),
    event(3, 'acquired', 'a', 1000),
    event(2, 'released', 'd', 9),
    event(1, 'acquired', 'd', 9),
  ];
  for (const one of events.slice(-2)) history.seenEvents.set(one.cursor, one);
  const deltas = [5, 4, 3, 2, 1].map((seq) => delta(seq, seq % 2 === 0 ? 'src/b.ts' : 'src/a.ts'));
  return {
    history,
    observation: {
      life: 2,
      deltas,
      byPath: { 'src/a.ts': [5, 3, 1].map((seq) => delta(seq)), 'src/b.ts': [4, 2].map((seq) => delta(seq)) },
      events,
      leases: { a: 'LOCK_STALE: released', b: 'LOCK_STALE: restart', d: 'LOCK_STALE: restart' },
      notices: [{ kind: 'restart', lockId: 'b', targets: ['src/b.ts'], message: 'ended', at: startedAt }],
      verify: { sound: true, checked: { deltas: 5, lost: 0 }, problems: [], problemCount: 0 },
      status: { startedAt, deltas: { head: 5, floor: 1 } } as Observation['status'],
    },
  };
}
