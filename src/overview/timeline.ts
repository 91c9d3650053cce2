/** What happened last, from the audit trail and the log: kept only while somebody watches. */
import type { TimelineEntryView } from '../control/overview-views.ts';
import type { AuditView, DeltaView } from '../control/results.ts';

const maxEntries = 100;
const maxTargets = 5;
const maxTextChars = 300;

/** A lease that goes on is no news, and deltas about locks and usage say what the trail and the sums say better. */
const quietActions: ReadonlySet<string> = new Set(['renewed']);
const toldDeltas: ReadonlySet<string> = new Set(['context', 'file_change', 'custom']);

/** Put in order when they are looked at, or when there are so many: events may come by the thousand while views are a few a second. */
const maxUnsorted = 10 * maxEntries;

export class Timeline {
  /** Newest first. */
  #entries: readonly TimelineEntryView[] = [];
  /** What came since, the last first. */
  readonly #unsorted: TimelineEntryView[] = [];

  get entries(): readonly TimelineEntryView[] {
    this.#sort();
    return this.#entries;
  }

  clear(): void {
    this.#unsorted.length = 0;
    this.#entries = [];
  }

  addAudit(events: readonly AuditView[]): void {
    this.#add(events.filter(({ action }) => !quietActions.has(action)).map(entryOfAudit));
  }

  addDeltas(deltas: readonly DeltaView[]): void {
    this.#add(deltas.filter(({ type }) => toldDeltas.has(type)).map(entryOfDelta));
  }

  #add(entries: readonly TimelineEntryView[]): void {
    this.#unsorted.unshift(...entries);
    if (this.#unsorted.length >= maxUnsorted) this.#sort();
  }

  /** They come in any order, and what happens while the past is read comes twice: the first of them stays. */
  #sort(): void {
    if (this.#unsorted.length === 0) return;
    const known = new Set(this.#entries.map(({ key }) => key));
    const fresh = this.#unsorted
      .splice(0)
      .toReversed()
      .filter(({ key }) => !known.has(key) && known.add(key))
      .toReversed();
    this.#entries = [...fresh, ...this.#entries]
      .sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
      .slice(0, maxEntries);
  }
}

function entryOfAudit(event: AuditView): TimelineEntryView {
  const { action, at, cursor, holder, holderName, project, targets = [], intention, metadata = {} } = event;
  const { reason, blockedBy, by } = metadata;
  const why = [
    // That it is held says less than by whom.
    typeof reason === 'string' && !(reason === 'held' && blockedBy !== undefined) ? reason : '',
    typeof blockedBy === 'string' ? `held by ${blockedBy}` : '',
    typeof by === 'string' ? `by ${by}` : '',
  ].filter((part) => part !== '');
  const text = [intention ?? '', why.length === 0 ? '' : `(${why.join(', ')})`];
  return {
    key: `audit-${cursor}`,
    at,
    what: action,
    ...who(holderName ?? holder),
    ...(project === undefined ? {} : { project }),
    targets: targets.slice(0, maxTargets),
    text: shortened(text.join(' ').trim()),
  };
}

/** Payloads may come from other nodes and versions: what has not the expected form is left out. */
function entryOfDelta({ id, time, type, agent, project, payload }: DeltaView): TimelineEntryView {
  const { path, content, summary, change } = payload;
  const text = [content, summary, change].find((part) => typeof part === 'string');
  return {
    key: `delta-${id}`,
    at: time,
    what: type,
    ...who(agent),
    project,
    targets: typeof path === 'string' ? [path] : [],
    text: shortened(typeof text === 'string' ? text : ''),
  };
}

function who(agent: string | undefined): { readonly agent?: string } {
  return agent === undefined ? {} : { agent };
}

function shortened(text: string): string {
  const line = text.slice(0, 4 * maxTextChars).replace(/\s+/g, ' ');
  return line.length > maxTextChars ? `${line.slice(0, maxTextChars - 1)}…` : line;
}
