import { systemClock } from '../../base/clock.ts';
import { CollabError } from '../../base/errors.ts';
import type { DeltaView } from '../../control/results.ts';
import type { DeltaType } from '../../delta/delta.ts';
import type { CommandRun } from '../command-context.ts';
import type { CommandArguments } from '../commands.ts';
import { follow } from '../follow.ts';
import { isAtOrBelow, type ProjectFilter, projectFilter } from '../project-filter.ts';
import { oneLine, type Screen } from '../screen.ts';
import { clockTime, showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';
import { shortId } from './context.ts';

/** How much of the past a follower sees first, as `tail -f` does. */
const backlogLimit = 10;
const summaryChars = 200;

export const log: CommandRun<'log'> = async (args, context) => {
  const { cwd, daemon } = context;
  const query = (limit: number | undefined) =>
    daemon.call('log', {
      ...(args.all && args.path === undefined ? {} : { cwd }),
      ...(args.path === undefined ? {} : { path: args.path }),
      ...(args.since === undefined ? {} : { sinceMs: args.since }),
      ...(args.source === undefined ? {} : { source: args.source }),
      // One of the choices of commands.ts, which are types.
      ...(args.type === undefined ? {} : { type: args.type as DeltaType }),
      ...(limit === undefined ? {} : { limit }),
    });
  if (args.follow) {
    const where = await projectFilter(context, args);
    return follow(context, {
      kind: 'delta',
      backlog: async () => {
        const limit = args.limit ?? (args.since === undefined ? backlogLimit : undefined);
        return limit === 0 ? [] : (await query(limit)).data.deltas;
      },
      order: (delta) => delta.position,
      keep: (delta) => concerns(delta, where, args),
      text: deltaLine,
    });
  }
  assertSome(args.limit);
  const { data, notices } = await query(args.limit);
  return { data, notices, text: (screen) => logText(data.deltas, data.before !== undefined, screen) };
};

/** `--limit 0` means something only to a follower: nothing of the past. */
export function assertSome(limit: number | undefined): void {
  if (limit === 0) throw new CollabError('USAGE', '--limit takes a whole number from 1 on');
}

/** The filters of a query, applied to an event. */
export function concerns(
  delta: DeltaView,
  where: ProjectFilter | undefined,
  args: Pick<CommandArguments<'log'>, 'source' | 'type'>,
): boolean {
  if (where !== undefined && delta.project !== where.project) return false;
  if (!isAtOrBelow(delta.payload.path, where?.path)) return false;
  if (args.source !== undefined && !delta.source.endsWith(args.source)) return false;
  return args.type === undefined || delta.type === args.type;
}

async function logText(deltas: readonly DeltaView[], hasMore: boolean, screen: Screen): Promise<string> {
  if (deltas.length === 0) return 'nothing in the log that fits\n';
  const nowMs = systemClock.wallMs();
  const table = await textTable<DeltaView>(
    [
      { head: 'ID', cell: (delta) => shortId(delta.id) },
      { head: 'TIME', cell: (delta) => showTime(delta.time, nowMs) },
      { head: 'TYPE', cell: (delta) => delta.type },
      { head: 'AGENT', cell: (delta) => delta.agent, wraps: true },
      { head: 'WHAT', cell: summary, wraps: true },
    ],
    deltas,
    screen,
  );
  return hasMore ? `${table}There is more: --limit ${deltas.length * 2}\n` : table;
}

/** One line of a follower: columns cannot be fitted to what is not known yet. */
function deltaLine(delta: DeltaView, screen: Screen): string {
  const time = screen.paint('dim', clockTime(Date.parse(delta.time), systemClock.wallMs()));
  return `${time}  ${delta.type}  ${oneLine(delta.agent)}  ${summary(delta)}  ${screen.paint('dim', shortId(delta.id))}\n`;
}

/** What the delta is about and says, out of whatever fields its payload has. */
function summary({ payload }: DeltaView): string {
  const about = payload.path ?? (Array.isArray(payload.targets) ? payload.targets.join(', ') : undefined);
  const said = payload.content ?? payload.intention;
  const parts = [about, said].filter((part) => typeof part === 'string');
  return oneLine(parts.length === 0 ? JSON.stringify(payload) : parts.join(': '), summaryChars);
}
