import type { TargetView } from '../control/results.ts';
import { ForeignText } from './foreign-text.tsx';

const shownTargets = 3;

/** A path, as people write it, with what matters most standing out: the name of the file, and the range or symbol. */
export function PathText({ text }: { readonly text: string }) {
  const range = /(?::\d+-\d+|#[^/]*)$/.exec(text)?.[0] ?? '';
  const path = text.slice(0, text.length - range.length);
  const slash = path.lastIndexOf('/') + 1;
  return (
    <bdi class="path">
      <ForeignText class="path-folder" text={path.slice(0, slash)} />
      <ForeignText class="path-name" text={path.slice(slash)} />
      {range === '' ? null : <ForeignText class="path-range" text={range} />}
    </bdi>
  );
}

/** The first ones; the others on demand. */
export function TargetList({ targets }: { readonly targets: readonly TargetView[] }) {
  const line = (target: TargetView) => (
    <span class="target" key={target.text}>
      <PathText text={target.text} />
    </span>
  );
  const more = targets.slice(shownTargets);
  return (
    <>
      {targets.slice(0, shownTargets).map(line)}
      {more.length === 0 ? null : (
        <details class="more">
          <summary>{more.length} more</summary>
          {more.map(line)}
        </details>
      )}
    </>
  );
}
