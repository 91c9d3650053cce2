/** What `doctor` looks at, in the order in which it tells of it. Names are stable: scripts read them. */
export const checkNames = [
  'program',
  'clients',
  'directory',
  'disk',
  'settings',
  'identity',
  'clock',
  'daemon',
  'lanes',
  'peers',
  'restore',
  'migration',
  'delta',
  'index',
  'audit',
  'set-aside',
  'backups',
] as const;
export type CheckName = (typeof checkNames)[number];

/** `warn`: works, and somebody should know. `bad`: does not work, or something is lost or about to be. */
export type Health = 'ok' | 'warn' | 'bad';

export interface Finding {
  readonly check: CheckName;
  readonly state: Health;
  /** What was seen, with the figures that show it: never a flag that somebody set. */
  readonly says: string;
  /** The next step, unless it is well. */
  readonly next?: string;
  /** `doctor --fix` can do something about it. */
  readonly mendable?: true;
}

export function ok(check: CheckName, says: string): Finding {
  return { check, state: 'ok', says };
}

export function warn(check: CheckName, says: string, next: string): Finding {
  return { check, state: 'warn', says, next };
}

export function bad(check: CheckName, says: string, next: string): Finding {
  return { check, state: 'bad', says, next };
}

/** With `--fix` as the next step. */
export function mendable(check: CheckName, state: 'warn' | 'bad', says: string): Finding {
  return { check, state, says, next: 'Run: agent-collab doctor --fix.', mendable: true };
}
