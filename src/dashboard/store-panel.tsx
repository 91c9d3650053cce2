import type { ComponentChildren } from 'preact';
import type { LaneView, StatusView } from '../control/results.ts';
import { byteText, figureText } from './figure-text.ts';
import { ForeignText } from './foreign-text.tsx';
import { Panel } from './panel.tsx';

const laneNames = ['persist', 'index', 'audit', 'compact'] as const;

export function StorePanel({ status }: { readonly status: StatusView }) {
  const { storage, store, activity, audit, search, readOnly } = status;
  return (
    <Panel id="stores" title="Stores" count={storeState(status)}>
      <div class="stores">
        {readOnly === null ? null : (
          <p class="fact bad">
            Read-only: <ForeignText text={readOnly.reason} />
          </p>
        )}
        {activity === null ? null : <Activity {...activity} />}
        <Lanes lanes={status.lanes} />
        <dl class="facts">
          <Log {...status.deltas} />
          <Fact name="Audit trail">
            {figureText(audit.count)} events
            {audit.pending > 0 ? `, ${figureText(audit.pending)} pending` : ''}
            {audit.lost > 0 ? <span class="bad">, {figureText(audit.lost)} lost</span> : null}
          </Fact>
          <Fact name="Disk">
            {storage === 'memory' ? (
              <span class="warn">memory only: nothing survives the end of the daemon</span>
            ) : (
              byteText(store.diskBytes)
            )}
          </Fact>
          {search === null ? null : <Search {...search} />}
        </dl>
      </div>
    </Panel>
  );
}

function storeState({ readOnly, lanes, audit }: StatusView): ComponentChildren {
  if (readOnly !== null) return <span class="badge tone-bad">read-only</span>;
  const isWell = laneNames.every((name) => lanes[name].state === 'running') && audit.lost === 0;
  return isWell ? <span class="badge tone-good">well</span> : <span class="badge tone-bad">not well</span>;
}

function Activity({ what, done, total }: NonNullable<StatusView['activity']>) {
  const share = total <= 0 ? null : Math.min(1, done / total);
  return (
    <p class="activity">
      <ForeignText text={what} />
      {share === null ? null : <span>{Math.floor(share * 100)} %</span>}
      <progress aria-label="Progress" {...(share === null ? {} : { value: share })} />
    </p>
  );
}

function Lanes({ lanes }: { readonly lanes: StatusView['lanes'] }) {
  return (
    <ul class="lanes" aria-label="Lanes">
      {laneNames.map((name) => (
        <Lane key={name} name={name} lane={lanes[name]} />
      ))}
    </ul>
  );
}

function Lane({ name, lane }: { readonly name: string; readonly lane: LaneView }) {
  const { state, pendingBytes, capacityBytes, restarts, error } = lane;
  const fill = capacityBytes <= 0 ? 0 : Math.min(1, pendingBytes / capacityBytes);
  const tone = state === 'running' ? 'good' : state === 'paused' || state === 'restarting' ? 'warn' : 'bad';
  return (
    <li class="lane">
      <span class="lane-name">{name}</span>
      <span class={`badge tone-${tone}`}>{state}</span>
      <span class="bar" aria-hidden="true">
        <span
          class={`bar-fill ${fill > 0.8 ? 'bar-bad' : fill > 0.5 ? 'bar-warn' : ''}`}
          style={{ width: `${fill * 100}%` }}
        />
      </span>
      <span class="lane-fill">
        {pendingBytes === 0 ? 'empty' : `${byteText(pendingBytes)} of ${byteText(capacityBytes)}`}
      </span>
      {restarts > 0 || error !== undefined ? (
        <span class="lane-trouble">
          {restarts > 0 ? `restarted ${restarts}×` : ''}{' '}
          {error === undefined ? null : <ForeignText text={error.message} />}
        </span>
      ) : null}
    </li>
  );
}

/** Deltas that wait for a stage under load. More of them: it does not keep up. */
const normalGap = 1000;

/** How far each stage lags behind the newest delta. */
function Log({ head, committed, flushed, indexed, count }: StatusView['deltas']) {
  const gaps = [
    ['committed', head - committed],
    ['flushed', head - flushed],
    ['indexed', head - indexed],
  ] as const;
  return (
    <>
      <Fact name="Log">
        {figureText(count)} deltas, newest {figureText(head)}
      </Fact>
      <Fact name="Behind it">
        {gaps.map(([what, gap]) => (
          <span key={what} class={`gap ${gap > normalGap ? 'warn' : 'quiet'}`}>
            {what} {gap > 0 ? `−${figureText(gap)}` : '✓'}{' '}
          </span>
        ))}
      </Fact>
    </>
  );
}

function Search({ model, embedded, entries, problem }: NonNullable<StatusView['search']>) {
  const text = `${figureText(entries)} contexts, `;
  return (
    <Fact name="Search">
      {text}
      {model === null ? 'by words alone' : `${figureText(embedded)} with vectors`}
      {problem === undefined ? null : (
        <span class="warn">
          : <ForeignText text={problem} />
        </span>
      )}
    </Fact>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
