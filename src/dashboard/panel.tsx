import type { ComponentChildren } from 'preact';

export interface PanelProps {
  /** Unique on the page; also what links lead to. */
  readonly id: string;
  readonly title: string;
  /** How many there are, or how it is, in a few words. */
  readonly count?: ComponentChildren;
  /** Controls of this panel. */
  readonly tools?: ComponentChildren;
  /** Stays in sight below what scrolls. */
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Panel({ id, title, count, tools, note, children }: PanelProps) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {count === undefined ? null : <span class="panel-count">{count}</span>}
        {tools === undefined ? null : <div class="panel-tools">{tools}</div>}
      </header>
      {children}
      {note === undefined ? null : <p class="panel-note">{note}</p>}
    </section>
  );
}

export interface ScrollAreaProps {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A part that scrolls for itself, by keyboard as well, so that a long list does not push the others off the page. */
export function ScrollArea({ label, class: name = '', children }: ScrollAreaProps) {
  return (
    // biome-ignore-start lint/a11y: what scrolls has to be reached by keyboard, and is no form
    <div class={`scroll-area ${name}`} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
    // biome-ignore-end lint/a11y: see above
  );
}

/** What to do next where there is nothing to show. */
export function EmptyState({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export interface ListCountProps {
  readonly shown: number;
  readonly total: number;
  readonly isFiltered: boolean;
}

export function ListCount({ shown, total, isFiltered }: ListCountProps) {
  return isFiltered ? `${shown} of ${total}` : total;
}

/** Undefined when the list is whole. */
export function cutNote({ shown, total, isFiltered }: ListCountProps, what: string): string | undefined {
  if (isFiltered || shown >= total) return undefined;
  return `The first ${shown} of ${total} ${what}.`;
}
