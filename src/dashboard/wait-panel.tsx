import type { BlockerView, OverviewView, WaitView } from '../control/overview-views.ts';
import { agentKey } from './agent-key.ts';
import { AgentName } from './agent-name.tsx';
import { Countdown } from './countdown.tsx';
import { ForeignText } from './foreign-text.tsx';
import { cutNote, EmptyState, ListCount, Panel, ScrollArea } from './panel.tsx';
import { pure } from './pure.ts';
import { PathText, TargetList } from './target-text.tsx';
import { TimeSince } from './time-text.tsx';
import { WaitGraphFigure } from './wait-graph-figure.tsx';

export interface WaitPanelProps {
  readonly view: OverviewView;
  readonly isFiltered: boolean;
}

export function WaitPanel({ view, isFiltered }: WaitPanelProps) {
  const { shown, total } = view.waiters;
  const count = { shown: shown.length, total, isFiltered };
  return (
    <Panel id="waiting" title="Waiting" count={<ListCount {...count} />} note={cutNote(count, 'waits')}>
      {shown.length > 0 ? (
        <>
          <WaitGraphFigure waits={shown} />
          <ScrollArea label="List of those that wait" class="short">
            <ol class="waits">
              {shown.map((wait) => (
                <Wait key={waitKey(wait)} wait={wait} />
              ))}
            </ol>
          </ScrollArea>
        </>
      ) : isFiltered ? (
        <EmptyState title="No wait matches the filter." />
      ) : (
        <EmptyState title="Nobody waits.">
          <p>
            A claim that is in somebody's way is refused at once, or waits in line with <code>--wait 2m</code>
            .
          </p>
        </EmptyState>
      )}
    </Panel>
  );
}

const Wait = pure(({ wait }: { readonly wait: WaitView }) => {
  const { agent, agentName, node, nodeName, targets, mode, intention, waitingSince, until, blockedBy } = wait;
  return (
    <li class="wait">
      <div class="wait-what">
        <span class="wait-who">
          <AgentName agent={agent} name={agentName} node={node} nodeName={nodeName} />
          <span class="quiet"> waits for {mode === 'shared' ? 'shared ' : ''}</span>
        </span>
        <TargetList targets={targets} />
        <ForeignText class="intention" text={intention} />
      </div>
      <ul class="blockers">
        {blockedBy.map((blocker) => (
          <Blocker key={`${agentKey(blocker)} ${blocker.kind} ${blocker.target}`} blocker={blocker} />
        ))}
      </ul>
      <div class="wait-times">
        <span>
          <span class="quiet">waiting </span>
          <TimeSince at={waitingSince} />
        </span>
        <span class="quiet">gives up in</span>
        <Countdown until={until} />
      </div>
    </li>
  );
});

function Blocker({ blocker }: { readonly blocker: BlockerView }) {
  const { kind, agent, agentName, node, nodeName, target } = blocker;
  return (
    <li>
      <AgentName agent={agent} name={agentName} node={node} nodeName={nodeName} />
      <span class="quiet">{kind === 'lease' ? ' holds ' : ' is before it in line for '}</span>
      <PathText text={target} />
    </li>
  );
}

function waitKey(wait: WaitView): string {
  return `${agentKey(wait)} ${wait.waitingSince} ${wait.targets[0]?.text}`;
}
