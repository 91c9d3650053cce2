import { CollabError } from '../src/base/errors.ts';
import { maxQueryLimit } from '../src/base/limits.ts';
import type { ControlClient } from '../src/control/client.ts';
import type { AuditView, DeltaView, Notice } from '../src/control/results.ts';
import type { History, LeaseState, Observation } from './history.ts';
import { paths } from './workload.ts';

export interface ObserveOptions {
  readonly cwd: string;
  readonly life: number;
  readonly history: History;
  /** Filled by the client while it is asked. */
  readonly notices: readonly Notice[];
}

/** Asks a daemon for everything that the checks look at. */
export async function observe(client: ControlClient, options: ObserveOptions): Promise<Observation> {
  const { cwd, life, history, notices } = options;
  const status = await client.call('status', { cwd });
  const deltas = await wholeLog(client, {});
  const byPath: Record<string, readonly Pick<DeltaView, 'id' | 'position'>[]> = {};
  for (const path of paths)
    byPath[path] = (await wholeLog(client, { cwd, path })).map(({ id, position }) => ({ id, position }));
  const earlier = history.granted.filter((grant) => grant.life < life);
  // A question that names its agent brings that agent's notices.
  for (const agent of new Set(earlier.map((grant) => grant.agent))) await client.call('lock.list', { agent });
  const leases: Record<string, LeaseState> = {};
  for (const { lockId, fence } of earlier) leases[lockId] = await leaseState(client, lockId, fence);
  const events = await wholeTrail(client);
  const verify = await client.call('verify', {});
  return { life, status: status.data, deltas, byPath, events, leases, notices, verify: verify.data };
}

/** @throws what is no answer to the question. */
async function leaseState(client: ControlClient, id: string, fence: number): Promise<LeaseState> {
  try {
    await client.call('lock.check', { id, fence });
    return 'valid';
  } catch (error) {
    if (error instanceof CollabError && error.code.startsWith('LOCK_'))
      return `${error.code}: ${String(error.details?.reason)}`;
    throw error;
  }
}

export async function wholeLog(
  client: ControlClient,
  filter: { readonly cwd?: string; readonly path?: string },
): Promise<readonly DeltaView[]> {
  const deltas: DeltaView[] = [];
  let before: number | undefined;
  for (;;) {
    const page = { ...filter, limit: maxQueryLimit, ...(before === undefined ? {} : { before }) };
    const { data } = await client.call('log', page);
    deltas.push(...data.deltas);
    if (data.before === undefined || data.deltas.length === 0) return deltas;
    before = data.before;
  }
}

export async function wholeTrail(client: ControlClient): Promise<readonly AuditView[]> {
  const events: AuditView[] = [];
  let cursor: number | undefined;
  for (;;) {
    const { data } = await client.call('audit', {
      limit: maxQueryLimit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    events.push(...data.events);
    if (data.cursor === undefined || data.events.length === 0) return events;
    cursor = data.cursor;
  }
}
