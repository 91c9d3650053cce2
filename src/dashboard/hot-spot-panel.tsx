import type { HotSpotView } from '../control/overview-views.ts';
import { countText, figureText } from './figure-text.ts';
import { EmptyState, Panel, ScrollArea } from './panel.tsx';
import { PathText } from './target-text.tsx';

export interface HotSpotPanelProps {
  readonly hotSpots: readonly HotSpotView[];
  readonly isFiltered: boolean;
}

export function HotSpotPanel({ hotSpots, isFiltered }: HotSpotPanelProps) {
  const most = Math.max(1, ...hotSpots.map(({ denied, waited }) => denied + waited));
  return (
    <Panel id="hot-spots" title="Hot spots" count="last hour">
      {hotSpots.length > 0 ? (
        <ScrollArea label="List of hot spots" class="short">
          <ol class="ranking">
            {hotSpots.map((spot) => (
              <HotSpot key={`${spot.project}\0${spot.path}`} spot={spot} most={most} />
            ))}
          </ol>
        </ScrollArea>
      ) : (
        <EmptyState title={isFiltered ? 'No hot spot matches the filter.' : 'Nobody got in anybody’s way.'} />
      )}
    </Panel>
  );
}

function HotSpot({ spot, most }: { readonly spot: HotSpotView; readonly most: number }) {
  const { path, denied, waited, granted, agents } = spot;
  return (
    <li>
      <PathText text={path} />
      <span class="ranking-figures">
        <span class={denied > 0 ? 'bad' : 'zero'}>{figureText(denied)} denied</span>
        <span class={waited > 0 ? 'warn' : 'zero'}>{figureText(waited)} waited</span>
        <span class="quiet">
          {figureText(granted)} granted to {countText(agents, 'agent')}
        </span>
      </span>
      <span class="bar" aria-hidden="true">
        <span class="bar-fill bar-bad" style={{ width: `${(denied / most) * 100}%` }} />
        <span class="bar-fill bar-warn" style={{ width: `${(waited / most) * 100}%` }} />
      </span>
    </li>
  );
}
