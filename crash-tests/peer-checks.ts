import type { DeltaView } from '../src/control/results.ts';
import type { History } from './history.ts';

/** One of several nodes of a cluster. */
export interface PeerSide {
  readonly name: string;
  /** What it answered for. */
  readonly history: Pick<History, 'acknowledged'>;
  /** Its whole log. */
  readonly deltas: readonly DeltaView[];
}

/**
 * G8: all hold the same deltas, each of them once and behind what it builds on, and among them everything that any of them acknowledged as
 * committed.
 */
export function peersConverge(sides: readonly PeerSide[]): readonly string[] {
  const all = new Map<string, string>();
  for (const { deltas } of sides)
    for (const delta of deltas) if (!all.has(delta.id)) all.set(delta.id, said(delta));
  const promised = sides.flatMap(({ history }) =>
    history.acknowledged.filter(({ durability }) => durability !== 'accepted'),
  );
  return sides.flatMap(({ name, deltas }) => {
    const own = new Map(deltas.map((delta) => [delta.id, said(delta)]));
    const missing = [...all.keys()].filter((id) => !own.has(id));
    const other = [...own].filter(([id, text]) => all.get(id) !== text);
    const lost = promised.filter(({ id }) => !all.has(id));
    return [
      ...(own.size === deltas.length ? [] : [`G8: ${name} has deltas twice`]),
      ...missing.map((id) => `G8: ${name} lacks ${id}`),
      ...other.map(([id]) => `G8: ${name} has another ${id}`),
      ...lost.map(({ id, durability }) => `G8: ${id}, ${durability}, is on no node`),
      ...outOfTurn(deltas).map((what) => `G8: on ${name} ${what}`),
    ];
  });
}

function outOfTurn(deltas: readonly DeltaView[]): readonly string[] {
  const seen = new Map<string, number>();
  const problems: string[] = [];
  for (const { id, source, seq, deps } of [...deltas].sort((a, b) => a.position - b.position)) {
    for (const [on, known] of Object.entries(deps))
      if ((seen.get(on) ?? 0) < known)
        problems.push(`${id} stands before ${on}:${known}, on which it builds`);
    seen.set(source, seq);
  }
  return problems;
}

/** Everything of a delta that is the same wherever it lies. */
function said({ id, prev, payload, hlc, agent, deps }: DeltaView): string {
  return JSON.stringify([id, prev, payload, hlc, agent, deps]);
}
