import type { HlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, DeltaId, NodeId, Position, ProjectId } from '../base/ids.ts';
import type { VersionVector } from './version-vector.ts';

/** The order of this list is the number by which a type is stored: append only. */
export const deltaTypes = [
  'context',
  'file_change',
  'lock_acquired',
  'lock_released',
  'agent_status',
  'usage',
  'custom',
] as const;
export type DeltaType = (typeof deltaTypes)[number];

/** A tree of JSON values; its `path`, when it is a string, is what the delta is about and is indexed. */
export type DeltaPayload = Readonly<Record<string, unknown>>;

/** What a client gives. The rest of a delta follows from where and when it is accepted. */
export interface DeltaDraft {
  readonly agent: AgentId;
  readonly project: ProjectId;
  readonly type: DeltaType;
  readonly payload: DeltaPayload;
}

export interface Delta extends DeltaDraft {
  readonly id: DeltaId;
  /** The node that wrote it. */
  readonly source: NodeId;
  /** 1, 2, 3, … per source, without a gap. */
  readonly seq: number;
  readonly time: HlcTime;
  /**
   * What the author knew of the *other* sources: the entries that rose since its previous delta. The full vector is
   * the running maximum over the source's chain; the difference says the same in a few bytes.
   */
  readonly deps: VersionVector;
}

/** A delta in this node's log. */
export interface StoredDelta extends Delta {
  readonly position: Position;
  /** Hash of the source's previous delta, 64 hex digits, zeros for the first; null while the delta is accepted but not committed. */
  readonly prev: string | null;
}

export function deltaId(source: NodeId, seq: number): DeltaId {
  return `${source}:${seq}` as DeltaId;
}

/** The two parts of a delta id; undefined when the text is none. The source may be shortened to its end, as people type it. */
export function parseDeltaId(text: string): { readonly source: string; readonly seq: number } | undefined {
  const match = /^([1-9A-HJ-NP-Za-km-z]{4,60}):([1-9]\d{0,15})$/.exec(text);
  return match?.[1] === undefined ? undefined : { source: match[1], seq: Number(match[2]) };
}

/** The path that a delta is about, if it is about one. */
export function deltaPath(delta: Pick<DeltaDraft, 'payload'>): string | undefined {
  const path = delta.payload.path;
  return typeof path === 'string' && path !== '' ? path : undefined;
}
