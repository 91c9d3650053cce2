/** What stands in the timeline: how it is called there, and what it means to whoever looks. */
interface Kind {
  readonly label: string;
  readonly tone: 'bad' | 'warn' | 'good' | 'info' | 'plain';
}

const kinds: Readonly<Record<string, Kind>> = {
  denied: { label: 'denied', tone: 'bad' },
  violation: { label: 'violation', tone: 'bad' },
  lost: { label: 'lost', tone: 'bad' },
  forced: { label: 'forced', tone: 'bad' },
  gap: { label: 'gap', tone: 'bad' },
  expired: { label: 'expired', tone: 'warn' },
  waited: { label: 'waited', tone: 'warn' },
  unparsed: { label: 'unparsed', tone: 'warn' },
  acquired: { label: 'acquired', tone: 'good' },
  renewed: { label: 'renewed', tone: 'plain' },
  released: { label: 'released', tone: 'plain' },
  context: { label: 'context', tone: 'info' },
  file_change: { label: 'change', tone: 'plain' },
  custom: { label: 'custom', tone: 'plain' },
};

export function kindOf(what: string): Kind {
  return Object.hasOwn(kinds, what)
    ? (kinds[what] ?? { label: what, tone: 'plain' })
    : { label: what, tone: 'plain' };
}

/** Worth an interruption of whoever listens to the page instead of looking at it. */
export function isAlarming(what: string): boolean {
  return kindOf(what).tone === 'bad';
}

export const timelineFilters = {
  all: { label: 'everything', has: () => true },
  trouble: { label: 'trouble', has: (what: string) => ['bad', 'warn'].includes(kindOf(what).tone) },
  locks: {
    label: 'locks',
    has: (what: string) => !['context', 'file_change', 'custom'].includes(what) && Object.hasOwn(kinds, what),
  },
  context: { label: 'shared context', has: (what: string) => what === 'context' },
  changes: { label: 'changes of files', has: (what: string) => what === 'file_change' },
} as const satisfies Readonly<Record<string, { readonly label: string; has(what: string): boolean }>>;

export type TimelineFilter = keyof typeof timelineFilters;
