/** From records to what the control API answers. */

import type { AuditEvent } from '../audit/audit-event.ts';
import { hlcToMs } from '../base/hybrid-clock.ts';
import type { ContextView } from '../control/context-views.ts';
import type { AuditView, DeltaView } from '../control/results.ts';
import { type Delta, deltaPath, type StoredDelta } from '../delta/delta.ts';

export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

export function deltaView(delta: StoredDelta): DeltaView {
  return {
    id: delta.id,
    position: delta.position,
    source: delta.source,
    seq: delta.seq,
    agent: delta.agent,
    project: delta.project,
    type: delta.type,
    time: isoTime(hlcToMs(delta.time)),
    hlc: delta.time,
    deps: delta.deps,
    prev: delta.prev,
    payload: delta.payload,
  };
}

/** Payloads may come from other nodes and versions: what has not the expected form is left out, not trusted. */
export function contextView(delta: Delta): ContextView {
  const { content, tags, metadata, supersedes } = delta.payload;
  return {
    id: delta.id,
    path: deltaPath(delta) ?? '.',
    content: typeof content === 'string' ? content : '',
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
    metadata:
      typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? { ...metadata } : {},
    agent: delta.agent,
    project: delta.project,
    time: isoTime(hlcToMs(delta.time)),
    source: delta.source,
    ...(typeof supersedes === 'string' ? { supersedes } : {}),
  };
}

export function auditView(event: AuditEvent): AuditView {
  const { at, ...rest } = event;
  return { at: isoTime(hlcToMs(at)), cursor: at, ...rest };
}
