import { durationText } from './duration-text.ts';
import { useClock } from './use-clock.ts';

/** What is left of the default lease fills the bar; a longer lease has a full one until then. So two bars can be compared. */
const fullMs = 120_000;
const soonMs = 15_000;

/** How long until `until`, by the daemon's clock: a bar and a text. */
export function Countdown({ until }: { readonly until: string }) {
  const endMs = Date.parse(until);
  const leftS = useClock((nowMs) => Math.max(0, Math.ceil((endMs - nowMs) / 1000)));
  const leftMs = leftS * 1000;
  const urgency = leftS === 0 ? 'over' : leftMs <= soonMs ? 'soon' : 'calm';
  return (
    <span class={`countdown countdown-${urgency}`}>
      <span class="countdown-text">{leftS === 0 ? 'over' : durationText(leftMs)}</span>
      <span class="bar" aria-hidden="true">
        <span class="bar-fill" style={{ transform: `scaleX(${Math.min(1, leftMs / fullMs)})` }} />
      </span>
    </span>
  );
}
