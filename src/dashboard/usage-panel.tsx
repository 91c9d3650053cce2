import { useState } from 'preact/hooks';
import type { UsageGlanceView } from '../control/overview-views.ts';
import { dollarText, figureText } from './figure-text.ts';
import { ForeignText } from './foreign-text.tsx';
import { EmptyState, Panel } from './panel.tsx';
import { type Measure, UsageChart } from './usage-chart.tsx';

export function UsagePanel({ usage }: { readonly usage: UsageGlanceView }) {
  const [measure, setMeasure] = useState<Measure>('tokens');
  const { days, agents, models } = usage;
  const tokens = days.reduce((sum, day) => sum + day.tokens, 0);
  const cost = days.reduce((sum, day) => sum + day.cost, 0);
  const choice = (name: Measure) => (
    <button type="button" class="button" aria-pressed={measure === name} onClick={() => setMeasure(name)}>
      {name}
    </button>
  );
  return (
    <Panel
      id="usage"
      title="Usage"
      count={`last ${days.length} days`}
      tools={[choice('tokens'), choice('cost')]}
    >
      {tokens === 0 ? (
        <EmptyState title="No tokens were reported.">
          <p>
            Agents report what they use by the tool <code>report_usage</code>; <code>agent-collab usage</code>{' '}
            adds it up.
          </p>
        </EmptyState>
      ) : (
        <div class="usage">
          <p class="fact">
            <span class="strong">{figureText(tokens)}</span> tokens,{' '}
            <span class="strong">{dollarText(cost)}</span> where a price is known
          </p>
          <UsageChart days={days} measure={measure} />
          <DayTable days={days} />
          <div class="usage-tops">
            <Top title="Agents" sums={agents} measure={measure} />
            <Top title="Models" sums={models} measure={measure} />
          </div>
        </div>
      )}
    </Panel>
  );
}

/** The chart, for those who do not see it. */
function DayTable({ days }: Pick<UsageGlanceView, 'days'>) {
  return (
    <details class="more">
      <summary>The days as a table</summary>
      <table class="table">
        <caption class="unseen">Usage by day</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col" class="column-figure">
              Tokens
            </th>
            <th scope="col" class="column-figure">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {days.map(({ day, tokens, cost }) => (
            <tr key={day}>
              <th scope="row">{day}</th>
              <td class="column-figure" data-title="Tokens">
                {figureText(tokens)}
              </td>
              <td class="column-figure" data-title="Cost">
                {dollarText(cost)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

interface TopProps {
  readonly title: string;
  readonly sums: UsageGlanceView['agents'];
  readonly measure: Measure;
}

function Top({ title, sums, measure }: TopProps) {
  const most = Math.max(Number.MIN_VALUE, ...sums.map((sum) => sum[measure]));
  return (
    <div>
      <h3>{title}</h3>
      <ol class="ranking ranking-small">
        {sums.map((sum) => (
          <li key={sum.name}>
            <ForeignText class="ranking-name" text={sum.name} />
            <span class="ranking-figures">
              {measure === 'tokens' ? figureText(sum.tokens) : dollarText(sum.cost)}
            </span>
            <span class="bar" aria-hidden="true">
              <span class="bar-fill" style={{ width: `${(sum[measure] / most) * 100}%` }} />
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
