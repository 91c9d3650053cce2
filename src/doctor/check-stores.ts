/** The three stores, from what a walk through all of them found. */
import { counted } from '../base/counted.ts';
import type { VerifyView } from '../control/results.ts';
import { type Finding, mendable, ok, warn } from './finding.ts';

const stores = ['delta', 'index', 'audit'] as const;

export function checkStores(view: VerifyView | undefined): readonly Finding[] {
  return stores.map((store) =>
    view === undefined ? ok(store, 'not there yet: the first start makes it') : aboutStore(store, view),
  );
}

function aboutStore(store: (typeof stores)[number], view: VerifyView): Finding {
  const { checked, problems, problemCount } = view;
  const own = problems.filter((problem) => problem.store === store);
  const first = own[0];
  if (first !== undefined) {
    const more = own.length === 1 ? '' : ` and ${own.length - 1} more`;
    return mendable(store, 'bad', `damaged: ${first.where}: ${first.what}${more}`);
  }
  // The list of problems has an end: this store may have some that did not fit into it.
  if (problemCount > problems.length)
    return warn(
      store,
      'not known: more problems were found than are listed',
      'Run: agent-collab verify --repair, then this again.',
    );
  return ok(store, evidence(store, checked));
}

function evidence(store: (typeof stores)[number], checked: VerifyView['checked']): string {
  const { deltas = 0, signatures = 0, indexEntries = 0, auditEvents = 0, lost = 0 } = checked;
  if (store === 'index') return `${indexEntries} entries read, equal to those of a rebuild`;
  if (store === 'audit') return `${counted(auditEvents, 'event')} read and decoded`;
  const gone = lost === 0 ? '' : `; ${lost} that an earlier repair could not get back`;
  return `${counted(deltas, 'delta')} read, each with its checksum and hash, ${counted(signatures, 'signature')} checked${gone}`;
}
