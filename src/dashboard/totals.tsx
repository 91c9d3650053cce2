import type { OverviewView } from '../control/overview-views.ts';
import { byteText, figureText } from './figure-text.ts';

/** The state of it all in a row of figures, of the whole node whatever the filter is. */
export function Totals({ view }: { readonly view: OverviewView }) {
  const { status, hotSpots, agents } = view;
  const { locks, cluster, violations, deltas, store } = status;
  const denied = hotSpots.reduce((sum, spot) => sum + spot.denied, 0);
  return (
    <dl class="totals" aria-label="Totals">
      <Total name="agents" value={figureText(agents.total)} />
      <Total name="leases" value={figureText(locks.held)} />
      <Total name="waiting" value={figureText(locks.waiting)} tone={locks.waiting > 0 ? 'warn' : undefined} />
      <Total name="denied, last hour" value={figureText(denied)} tone={denied > 0 ? 'bad' : undefined} />
      <Total
        name="violations"
        value={figureText(violations.count)}
        tone={violations.count > 0 ? 'bad' : undefined}
      />
      <Total name="deltas" value={figureText(deltas.count)} />
      {cluster === null ? null : (
        <Total
          name="members connected"
          value={`${cluster.connected + 1} / ${cluster.members}`}
          tone={cluster.connected + 1 < cluster.members ? 'warn' : undefined}
        />
      )}
      <Total name="on disk" value={status.storage === 'memory' ? 'memory' : byteText(store.diskBytes)} />
    </dl>
  );
}

interface TotalProps {
  readonly name: string;
  readonly value: string;
  readonly tone?: 'warn' | 'bad' | undefined;
}

function Total({ name, value, tone }: TotalProps) {
  return (
    <div class="total">
      <dt>{name}</dt>
      <dd class={tone ?? ''}>{value}</dd>
    </div>
  );
}
