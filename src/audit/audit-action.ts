/** In a file of its own: the command line needs the names and nothing else of audit/. */

/** Append only: the place in the list is what is stored. `gap` says how many events could not be recorded, `unparsed`
 * that a call was allowed which may write more than could be read of it. */
export const auditActions = [
  'acquired',
  'renewed',
  'released',
  'expired',
  'denied',
  'waited',
  'forced',
  'lost',
  'violation',
  'gap',
  'unparsed',
] as const;
export type AuditAction = (typeof auditActions)[number];

/** What happens to locks; the others are about something else. */
export const lockActions: readonly AuditAction[] = auditActions.filter(
  (action) => action !== 'violation' && action !== 'gap' && action !== 'unparsed',
);
