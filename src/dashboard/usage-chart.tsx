import type { UsageGlanceView } from '../control/overview-views.ts';
import { dollarText, figureText } from './figure-text.ts';

export type Measure = 'tokens' | 'cost';

export interface UsageChartProps {
  readonly days: UsageGlanceView['days'];
  readonly measure: Measure;
}

const height = 88;
/** A day with anything at all has a bar that can be seen. */
const leastHeight = 2;

/** A bar a day. Its widths are shares of the room there is, so that nothing is stretched. */
export function UsageChart({ days, measure }: UsageChartProps) {
  const text = measure === 'tokens' ? figureText : dollarText;
  const most = Math.max(...days.map((day) => day[measure]));
  const first = days[0]?.day ?? '';
  const last = days.at(-1)?.day ?? '';
  const slot = 100 / Math.max(1, days.length);
  return (
    <figure class="chart">
      <p class="chart-most" aria-hidden="true">
        {text(most)}
      </p>
      <svg
        role="img"
        aria-label={`${measure} by day from ${first} to ${last}, at most ${text(most)} on one. The table below has the days.`}
        width="100%"
        height={height}
      >
        <line class="chart-line" x1="0" x2="100%" y1="0.5" y2="0.5" />
        <line class="chart-line" x1="0" x2="100%" y1={height / 2} y2={height / 2} />
        {days.map((day, at) => {
          const share = most <= 0 ? 0 : day[measure] / most;
          const bar = share === 0 ? 0 : Math.max(leastHeight, share * (height - 1));
          return (
            <g key={day.day}>
              <title>{`${day.day}: ${figureText(day.tokens)} tokens, ${dollarText(day.cost)}`}</title>
              <rect class="chart-slot" x={`${at * slot}%`} width={`${slot}%`} y="0" height={height} />
              <rect
                class="chart-bar"
                x={`${(at + 0.14) * slot}%`}
                width={`${slot * 0.72}%`}
                y={height - bar}
                height={bar}
                rx="2"
              />
            </g>
          );
        })}
        <line class="chart-line" x1="0" x2="100%" y1={height - 0.5} y2={height - 0.5} />
      </svg>
      <p class="chart-days" aria-hidden="true">
        <span>{first.slice(5)}</span>
        <span>{last.slice(5)}</span>
      </p>
    </figure>
  );
}
