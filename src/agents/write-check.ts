/** Before a write: leases what it touches, and finds what speaks against it. */
import { basename, join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { RepoPath } from '../base/ids.ts';
import { maxTargets } from '../base/limits.ts';
import { type FileFacts, ruleAll } from '../hook/decision.ts';
import { editedLines } from '../hook/edited-lines.ts';
import type { HookEvent } from '../hook/hook-event.ts';
import { runsPrograms, toolWrites } from '../hook/tool-writes.ts';
import type { WriteTarget } from '../hook/write-target.ts';
import { type Lock, type Notice, onNode } from '../lock/lock.ts';
import type { Denial } from '../lock/outcome.ts';
import { type Scope, wholeFile } from '../lock/scope.ts';
import { compiledOverlap, compileTarget, formatTarget, type Target } from '../lock/target.ts';
import type { AgentMemory, AgentRecord, CallFile } from './agent-memory.ts';
import { describeChanges } from './change-text.ts';
import type { FileLook, FileLooks } from './file-look.ts';
import type { AgentAudit, AgentLocks, AgentLog, AgentPlaces, NoticeText, PlacedPath } from './ports.ts';

/** The intention of a lease that the hook took by itself; it also tells such a lease from others after a restart. */
const automaticIntention = 'edit in progress (lease taken automatically)';

export interface WriteCheckParts {
  readonly places: AgentPlaces;
  readonly locks: AgentLocks;
  readonly log: AgentLog;
  readonly audit: AgentAudit;
  readonly memory: AgentMemory;
  readonly files: FileLooks;
  readonly noticeText: NoticeText;
  readonly wallMs: () => number;
}

/** A file that is about to be written, with the parts of it that are. */
interface CheckedFile extends CallFile {
  readonly kind: WriteTarget['kind'];
  readonly targets: readonly Target[];
}

export interface WriteRuling {
  readonly decision: 'allow' | 'deny';
  readonly text: string;
}

export async function checkWrite(
  event: HookEvent,
  record: AgentRecord,
  notices: readonly Notice[],
  parts: WriteCheckParts,
): Promise<WriteRuling> {
  const writes = toolWrites(event);
  const files = await placeFiles(event.cwd, writes.targets, parts);
  for (const reason of files.length > maxTargets ? ['too many files'] : writes.unparsed)
    parts.audit.record(unparsedDraft(event, record, reason));
  if (files.length === 0 || files.length > maxTargets) {
    if (runsPrograms(event)) beginCall(event, record, [], parts.memory);
    return { decision: 'allow', text: notices.map((notice) => parts.noticeText(notice).message).join('\n') };
  }
  const facts = await gatherFacts(record, files, notices, parts);
  const ruling = ruleAll(facts);
  const others = notices.filter((notice) => !files.some((file) => isAbout(notice, file)));
  const told = others.map((notice) => parts.noticeText(notice).message);
  for (const file of files) parts.memory.concerns(record, file.project, file.path);
  if (ruling.decision === 'allow') beginCall(event, record, files, parts.memory);
  return { decision: ruling.decision, text: [...told, ruling.text].filter((text) => text !== '').join('\n') };
}

function beginCall(
  event: HookEvent,
  record: AgentRecord,
  files: readonly CheckedFile[],
  memory: AgentMemory,
): void {
  memory.begin(record, callKey(event), {
    agent: record.id,
    tool: event.tool,
    files,
    mayWriteMore: runsPrograms(event),
  });
}

/** Pairs a call with its end, also for a client that gives calls no id. */
export function callKey({ toolUseId, tool, input }: HookEvent): string {
  return toolUseId ?? `${tool} ${JSON.stringify(input)}`;
}

/** A pattern stands for files that are not looked at. */
const noFile: FileLook = Object.freeze({ hash: 'glob', isDirectory: false });

type PlaceParts = Pick<WriteCheckParts, 'places' | 'files'>;

async function placeFiles(
  cwd: string,
  targets: readonly WriteTarget[],
  parts: PlaceParts,
): Promise<readonly CheckedFile[]> {
  const placed = await Promise.all(
    targets.slice(0, maxTargets + 1).map((target) => placeTarget(cwd, target, parts)),
  );
  return placed.flat();
}

async function placeTarget(
  cwd: string,
  target: WriteTarget,
  parts: PlaceParts,
): Promise<readonly CheckedFile[]> {
  const { path, kind, glob, into = [], change } = target;
  // Side by side: each is a few calls of the system, and an edit waits for both.
  const [look, place] = await Promise.all([
    glob === true ? noFile : parts.files.at(path),
    placeOrNone(cwd, path, parts.places),
  ]);
  if (look.isDirectory && into.length > 0) {
    const inside = into.map((name) => placeTarget(cwd, { path: join(path, basename(name)), kind }, parts));
    return (await Promise.all(inside)).flat();
  }
  if (place === undefined) return [];
  const where = { project: place.project, path: place.path };
  const scopes = look.text === undefined || change === undefined ? [wholeFile] : scopesOf(change, look.text);
  const one = look.isDirectory
    ? [{ ...where, path: (place.path === '.' ? '**' : `${place.path}/**`) as RepoPath, scope: wholeFile }]
    : scopes.map((scope) => ({ ...where, scope }));
  return [{ ...place, absolute: join(place.root, place.path), before: look, kind, targets: one }];
}

/** What lies in no repository belongs to nobody here. */
async function placeOrNone(cwd: string, path: string, places: AgentPlaces): Promise<PlacedPath | undefined> {
  try {
    return await places.place(cwd, path);
  } catch (error) {
    if (error instanceof CollabError && error.code !== 'PROJECT_UNREADABLE') return undefined;
    throw error;
  }
}

function scopesOf(change: NonNullable<WriteTarget['change']>, text: string): readonly Scope[] {
  const lines = editedLines(change, text);
  // A new text that is the old one touches nothing; its first line stands for it.
  if (lines !== 'whole' && lines.length === 0) return [{ kind: 'lines', start: 1, end: 1 }];
  return lines === 'whole' ? [wholeFile] : lines.map(({ start, end }) => ({ kind: 'lines', start, end }));
}

async function gatherFacts(
  record: AgentRecord,
  files: readonly CheckedFile[],
  notices: readonly Notice[],
  parts: WriteCheckParts,
): Promise<readonly FileFacts[]> {
  const denial = await leaseTargets(record, files, parts);
  const nowMs = parts.wallMs();
  const facts: FileFacts[] = [];
  for (const file of files) {
    const refused = denial === undefined ? undefined : refusalFor(denial, file, files, nowMs);
    const lost = notices.find((notice) => isAbout(notice, file));
    const content = await contentOf(file, record, parts);
    facts.push({
      target: file.targets.map(formatTarget).join(', '),
      ...(refused === undefined ? {} : { refused }),
      ...(lost === undefined
        ? {}
        : {
            lost: {
              message: parts.noticeText(lost).message,
              automatic: lost.lock.intention === automaticIntention && content !== 'unknown',
            },
          }),
      content,
      changes: content === 'changed' ? await describeChanges(file, record, parts.log) : [],
      covered: denial === undefined,
    });
    // Told once: a client that does not say what it reads could else never go on.
    if (content === 'changed' && !record.reportsReads) parts.memory.sawFile(record, file, file.before.hash);
  }
  return facts;
}

/** Leases of the hook that one agent is known to have at once. */
const maxAutomatic = 1000;

/** Takes a lease of what no lease of the agent covers yet, all of it or none. @returns why not, if not. */
async function leaseTargets(
  record: AgentRecord,
  files: readonly CheckedFile[],
  { locks }: WriteCheckParts,
): Promise<Denial | undefined> {
  const own = locks.list({ agent: record.id }).filter((lock) => lock.mode === 'exclusive');
  const targets = files.flatMap((file) => file.targets).filter((target) => !isCovered(target, own));
  if (targets.length === 0) return undefined;
  const outcome = await locks.tryAcquire({
    agent: record.id,
    ...(record.name === undefined ? {} : { agentName: record.name }),
    targets: targets.slice(0, maxTargets),
    intention: automaticIntention,
    ...(files.length === 1 && files[0] !== undefined ? { contentHash: files[0].before.hash } : {}),
  });
  if (outcome.outcome === 'denied') return outcome;
  // Those that ended by themselves are of no interest any more.
  if (record.automatic.size >= maxAutomatic) record.automatic.clear();
  record.automatic.add(outcome.lock.id);
  return undefined;
}

function isCovered(target: Target, own: readonly Lock[]): boolean {
  const asked = compileTarget(target);
  return own.some((lock) =>
    lock.targets.some((held) => {
      const one = compileTarget(held);
      const overlap = compiledOverlap(one, asked);
      if (overlap === undefined || overlap === 'partial') return false;
      if (overlap === 'full' || one.extent === 'glob') return asked.extent !== 'glob' || overlap === 'full';
      return (
        one.extent === 'file' ||
        (one.extent === 'lines' &&
          asked.extent === 'lines' &&
          one.start <= asked.start &&
          one.end >= asked.end)
      );
    }),
  );
}

/** The denial as it concerns one file of the call; undefined when it is about another one. */
function refusalFor(
  denial: Denial,
  file: CheckedFile,
  files: readonly CheckedFile[],
  nowMs: number,
): FileFacts['refused'] {
  if (denial.reason === 'rate' || denial.reason === 'limit')
    return {
      reason: denial.reason,
      ...(denial.retryAfterMs === undefined ? {} : { retryAfterMs: denial.retryAfterMs }),
    };
  if (denial.reason === 'no-majority' || denial.reason === 'not-member') return { reason: 'cluster' };
  if (denial.reason === 'disk') return { reason: 'disk' };
  const touches = (one: CheckedFile, target: Target) =>
    one.targets.some((mine) => compiledOverlap(compileTarget(mine), compileTarget(target)) !== undefined);
  const blocker = denial.blockers.find((one) => touches(file, one.target));
  if (blocker === undefined) {
    const isElsewhere = denial.blockers.some((one) => files.some((other) => touches(other, one.target)));
    return isElsewhere ? undefined : { reason: 'held' };
  }
  return {
    reason: 'held',
    holder: `${blocker.holderName === undefined ? blocker.holder : `${blocker.holderName} (${blocker.holder})`}${onNode(blocker)}`,
    intention: blocker.intention,
    overlap: blocker.overlap,
    heldTarget: formatTarget(blocker.target),
    ...(blocker.kind === 'lease' ? { expiresInMs: blocker.expiresAtMs - nowMs, lockId: blocker.lockId } : {}),
  };
}

/** Files of an agent that the log is asked about once. */
const maxAsked = 2000;
/** Changes of a file among which its own last one is looked for. */
const lookBack = 50;

/** What the agent saw last against what stands there. After a restart the log still knows what it wrote last. */
async function contentOf(
  file: CheckedFile,
  record: AgentRecord,
  { log }: WriteCheckParts,
): Promise<FileFacts['content']> {
  if (file.kind === 'append' || file.before.hash === 'glob' || file.before.isDirectory) return 'same';
  const seen = record.seen.get(file.absolute);
  if (seen !== undefined) return seen === file.before.hash ? 'same' : 'changed';
  if (file.before.hash === 'absent') return 'same';
  if (record.asked.has(file.absolute)) return 'unknown';
  if (record.asked.size >= maxAsked) record.asked.clear();
  record.asked.add(file.absolute);
  const changes = await log.byPath({
    project: file.project,
    path: file.path,
    type: 'file_change',
    limit: lookBack,
  });
  const hash = changes.find((change) => change.agent === record.id)?.payload.hash;
  if (typeof hash !== 'string') return 'unknown';
  record.seen.set(file.absolute, hash);
  return hash === file.before.hash ? 'same' : 'changed';
}

/** After a restart a notice knows its targets as text only. */
function isAbout(notice: Notice, file: CheckedFile): boolean {
  return notice.lock.targets.some((target) => {
    if (target.project !== file.project) return false;
    const wild = target.path.search(/[*?{]/);
    if (wild !== -1) return file.path.startsWith(target.path.slice(0, wild));
    return (
      target.path === file.path ||
      (target.path.startsWith(file.path) && /^[:#]/.test(target.path.slice(file.path.length)))
    );
  });
}

function unparsedDraft(event: HookEvent, record: AgentRecord, reason: string) {
  return {
    action: 'unparsed',
    holder: record.id,
    ...(record.name === undefined ? {} : { holderName: record.name }),
    ...(record.project === undefined ? {} : { project: record.project }),
    metadata: { tool: event.tool, reason: reason.slice(0, 300) },
  } as const;
}
