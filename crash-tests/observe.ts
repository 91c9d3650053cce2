import { maxQueryLimit } from '../src/base/limits.ts';
import type { ControlClient } from '../src/control/client.ts';
import type { DeltaView } from '../src/control/results.ts';
import type { Observation } from './history.ts';
import { paths } from './workload.ts';

/** Asks a daemon for everything that the checks look at. */
export async function observe(client: ControlClient, cwd: string): Promise<Observation> {
  const status = await client.call('status', { cwd });
  const deltas = await wholeLog(client, {});
  const byPath: Record<string, readonly Pick<DeltaView, 'id' | 'position'>[]> = {};
  for (const path of paths)
    byPath[path] = (await wholeLog(client, { cwd, path })).map(({ id, position }) => ({ id, position }));
  const verify = await client.call('verify', {});
  return { status: status.data, deltas, byPath, verify: verify.data };
}

async function wholeLog(
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
