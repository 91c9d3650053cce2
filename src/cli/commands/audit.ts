import { type AuditAction, lockActions } from '../../audit/audit-action.ts';
import { systemClock } from '../../base/clock.ts';
import type { AuditView, Notice } from '../../control/results.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import type { CommandData } from '../command-data.ts';
import type { CommandArguments } from '../commands.ts';
import { follow } from '../follow.ts';
import { type ProjectFilter, projectFilter, targetPath } from '../project-filter.ts';
import { oneLine, printable, type Screen } from '../screen.ts';
import { clockTime, showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';
import { assertSome } from './log.ts';

const backlogLimit = 10;
const historyLimit = 50;
const shownInHistory: ReadonlySet<string> = new Set(lockActions);

type AuditArguments = CommandArguments<'audit'>;
type AuditQuery = Partial<AuditArguments> & { readonly all: boolean };

export const audit: CommandRun<'audit'> = async (args, context) => {
  if (args.follow) {
    const where = await projectFilter(context, args);
    const limit = args.limit ?? (args.from === undefined ? backlogLimit : undefined);
    return follow(context, {
      kind: 'audit',
      backlog: async () => (limit === 0 ? [] : (await query(context, args, limit)).data.events),
      order: (event) => event.cursor,
      keep: (event) => concerns(event, where, args),
      text: auditLine,
    });
  }
  assertSome(args.limit);
  const { data, notices } = await query(context, args, args.limit);
  return { data, notices, text: (screen) => auditText(data, data.cursor !== undefined, screen) };
};

/** Pages through the audit log, since one query takes one action and this wants eight of ten. */
export const lockHistory: CommandRun<'lock history'> = async (args, context) => {
  assertSome(args.limit);
  const limit = args.limit ?? historyLimit;
  const events: AuditView[] = [];
  const notices: Notice[] = [];
  let behind: string | undefined;
  let cursor: number | undefined;
  do {
    const page = await query(context, args, limit, cursor);
    events.push(...page.data.events.filter((event) => shownInHistory.has(event.action)));
    notices.push(...page.notices);
    behind ??= page.data.behind;
    cursor = page.data.cursor;
  } while (cursor !== undefined && events.length < limit);
  const data = { events: events.slice(0, limit), ...(behind === undefined ? {} : { behind }) };
  const hasMore = cursor !== undefined || events.length > limit;
  return { data, notices, text: (screen) => auditText(data, hasMore, screen) };
};

function query(
  { daemon, cwd }: CommandContext,
  args: AuditQuery,
  limit: number | undefined,
  cursor?: number,
) {
  return daemon.call('audit', {
    ...(args.all && args.path === undefined ? {} : { cwd }),
    ...(args.path === undefined ? {} : { path: args.path }),
    ...(args.holder === undefined ? {} : { holder: args.holder }),
    ...(args.lock === undefined ? {} : { lock: args.lock }),
    // One of the choices of commands.ts, which are actions.
    ...(args.action === undefined ? {} : { action: args.action as AuditAction }),
    ...(args.from === undefined ? {} : { fromMs: args.from }),
    ...(args.to === undefined ? {} : { toMs: args.to }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  });
}

/** The filters of a query, applied to an event. */
export function concerns(
  event: AuditView,
  where: ProjectFilter | undefined,
  args: Pick<AuditArguments, 'holder' | 'action' | 'lock' | 'to'>,
): boolean {
  if (where !== undefined && event.project !== where.project) return false;
  const { path } = where ?? {};
  if (path !== undefined && path !== '.' && !event.targets?.some((target) => targetPath(target) === path)) {
    return false;
  }
  if (args.to !== undefined && Date.parse(event.at) >= args.to) return false;
  return (
    (args.holder === undefined || event.holder === args.holder) &&
    (args.action === undefined || event.action === args.action) &&
    (args.lock === undefined || event.lock === args.lock)
  );
}

async function auditText(
  { events, behind }: CommandData['lock history'],
  hasMore: boolean,
  screen: Screen,
): Promise<string> {
  const missing = behind === undefined ? '' : `The newest may be missing: ${printable(behind)}\n`;
  if (events.length === 0) return `nothing in the audit log that fits\n${missing}`;
  const nowMs = systemClock.wallMs();
  const table = await textTable<AuditView>(
    [
      { head: 'TIME', cell: (event) => showTime(event.at, nowMs) },
      { head: 'ACTION', cell: (event) => event.action },
      { head: 'LOCK', cell: (event) => event.lock ?? '' },
      { head: 'FENCE', cell: (event) => (event.fence === undefined ? '' : String(event.fence)) },
      { head: 'HOLDER', cell: (event) => event.holderName ?? event.holder ?? '', wraps: true },
      { head: 'TARGETS', cell: (event) => (event.targets ?? []).join(', '), wraps: true },
      { head: 'WHY', cell: why, wraps: true },
    ],
    events,
    screen,
  );
  return `${table}${hasMore ? `There is more: --limit ${events.length * 2}\n` : ''}${missing}`;
}

function auditLine(event: AuditView, screen: Screen): string {
  const time = screen.paint('dim', clockTime(Date.parse(event.at), systemClock.wallMs()));
  const parts = [
    event.action,
    event.holderName ?? event.holder,
    event.targets?.join(', '),
    why(event),
    event.lock,
  ];
  const shown = parts.filter((part) => part !== undefined && part !== '').map((part) => oneLine(part ?? ''));
  return `${time}  ${shown.join('  ')}\n`;
}

/** A reason that was given with the transition says more than the intention of the lock. */
function why({ intention, metadata }: AuditView): string {
  const reason = typeof metadata?.reason === 'string' ? metadata.reason : undefined;
  return [intention, reason === undefined ? undefined : `(${reason})`].filter(Boolean).join(' ');
}
