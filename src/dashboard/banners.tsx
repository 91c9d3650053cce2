import type { StatusView } from '../control/results.ts';
import { ForeignText } from './foreign-text.tsx';
import { TimeOfDay } from './time-text.tsx';

export interface BannersProps {
  readonly status: StatusView;
  /** What the daemon was when the page was opened: its page may not be that of another version. */
  readonly openedVersion: string;
}

/** What has to be known before anything else on the page is believed. */
export function Banners({ status, openedVersion }: BannersProps) {
  const { readOnly, warnings, violations, version } = status;
  return (
    <div class="banners">
      {version === openedVersion ? null : (
        <p class="banner banner-info">
          <strong>The daemon is now version {version}.</strong> Reload this page to get the one that belongs
          to it.
        </p>
      )}
      {readOnly === null ? null : (
        <p class="banner banner-bad">
          <strong>Read-only.</strong> Nothing new is kept: <ForeignText text={readOnly.reason} />.{' '}
          <code>agent-collab doctor</code> tells what to do.
        </p>
      )}
      {violations.newest === null ? null : (
        <p class="banner banner-bad">
          <strong>Written past a lease</strong> at <TimeOfDay at={violations.newest.at} />:{' '}
          <ForeignText text={violations.newest.what} />
        </p>
      )}
      {warnings.map((warning) => (
        <p class="banner banner-warn" key={warning}>
          <strong>Warning.</strong> <ForeignText text={warning} />
        </p>
      ))}
    </div>
  );
}
