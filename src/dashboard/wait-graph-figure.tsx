import { useMemo } from 'preact/hooks';
import type { WaitView } from '../control/overview-views.ts';
import { countText } from './figure-text.ts';
import { ScrollArea } from './panel.tsx';
import { useKept } from './use-kept.ts';
import { visibleText } from './visible-text.ts';
import { type PlacedEdge, type PlacedNode, placeGraph } from './wait-graph-layout.ts';
import { type WaitGraph, waitGraph } from './wait-graph-model.ts';

/** Below this part of its size the text of the graph cannot be read: it scrolls sideways in its own frame instead. */
const leastScale = 0.85;

/** Who waits for whom, as arrows. The list below it says the same in words. */
export function WaitGraphFigure({ waits }: { readonly waits: readonly WaitView[] }) {
  // A layout costs a frame: it is made when arrows come or go, not with each snapshot.
  const graph = useKept(waitGraph(waits));
  const { width, height, nodes, edges } = useMemo(() => placeGraph(graph), [graph]);
  if (nodes.length === 0) return null;
  return (
    <figure class="graph">
      <ScrollArea label="Graph of who waits for whom" class="graph-frame">
        <svg
          role="img"
          aria-label={`${summary(graph)} The list below says the same in words.`}
          viewBox={`0 0 ${width} ${height}`}
          style={{ width: '100%', maxWidth: `${width}px`, minWidth: `${Math.round(width * leastScale)}px` }}
        >
          <title>{summary(graph)}</title>
          <defs>
            <marker
              id="arrow"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path class="graph-arrow" d="M0 0.5 L8 4 L0 7.5 z" />
            </marker>
          </defs>
          {edges.map((edge) => (
            <Edge key={edge.key} edge={edge} />
          ))}
          {nodes.map((node) => (
            <Node key={node.id} node={node} />
          ))}
        </svg>
      </ScrollArea>
      <figcaption class="graph-legend">
        <span class="graph-key graph-key-waits">waits</span>
        <span class="graph-key graph-key-both">waits and is waited for</span>
        <span class="graph-key graph-key-holds">holds</span>
        {graph.leftOut > 0 ? <span>{countText(graph.leftOut, 'wait')} more in the list</span> : null}
      </figcaption>
    </figure>
  );
}

function Node({ node }: { readonly node: PlacedNode }) {
  const { x, y, width, height, role, name, label } = node;
  return (
    <g class={`graph-node graph-node-${role}`} transform={`translate(${x - width / 2} ${y - height / 2})`}>
      <title>{visibleText(name)}</title>
      <rect width={width} height={height} rx="7" />
      <circle cx="14" cy={height / 2} r="4" />
      <text x="25" y={height / 2}>
        {label}
      </text>
    </g>
  );
}

function Edge({ edge }: { readonly edge: PlacedEdge }) {
  const { points, label, labelAt, kind, targets } = edge;
  return (
    <g class={`graph-edge graph-edge-${kind}`}>
      <title>{targets.map(visibleText).join(', ')}</title>
      <path d={smoothPath(points)} marker-end="url(#arrow)" />
      <text x={labelAt.x} y={labelAt.y}>
        {label}
      </text>
    </g>
  );
}

/** Quadratic curves through the middles between the points, which stay within the room that the layout left. */
function smoothPath(points: PlacedEdge['points']): string {
  const [first, ...others] = points;
  const last = others.at(-1);
  if (first === undefined || last === undefined) return '';
  const parts = [`M${round(first.x)} ${round(first.y)}`];
  for (const [at, point] of others.slice(0, -1).entries()) {
    const next = others[at + 1] ?? last;
    const isLast = next === last;
    const end = isLast ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    parts.push(`Q${round(point.x)} ${round(point.y)} ${round(end.x)} ${round(end.y)}`);
  }
  if (others.length === 1) parts.push(`L${round(last.x)} ${round(last.y)}`);
  return parts.join(' ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function summary({ nodes, edges }: WaitGraph): string {
  const waiting = new Set(edges.map(({ from }) => from)).size;
  const roots = nodes.filter(({ role }) => role === 'holds').map(({ name }) => visibleText(name));
  const names =
    roots.length > 3 ? `${roots.slice(0, 3).join(', ')} and ${roots.length - 3} more` : roots.join(', ');
  return `${countText(waiting, 'agent waits', 'agents wait')}${names === '' ? '.' : `, in the end for ${names}.`}`;
}
