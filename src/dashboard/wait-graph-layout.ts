import { Graph, layout } from '@dagrejs/dagre';
import { cutText } from './visible-text.ts';
import type { WaitGraph, WaitGraphEdge, WaitGraphNode } from './wait-graph-model.ts';

interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedNode extends WaitGraphNode, Point {
  /** As far as there is room. */
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge extends WaitGraphEdge {
  readonly key: string;
  readonly label: string;
  readonly points: readonly Point[];
  /** The middle of its label. */
  readonly labelAt: Point;
}

export interface PlacedGraph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

const nodeHeight = 30;
const labelHeight = 18;
const maxNameChars = 20;
const maxLabelChars = 24;
const margin = 8;

/** Layers from those that wait, at the left, to those that are waited for (Gansner et al. 1993, as dagre has it). */
export function placeGraph(graph: WaitGraph): PlacedGraph {
  const dagre = new Graph({ multigraph: true });
  dagre.setGraph({ rankdir: 'LR', nodesep: 14, edgesep: 10, ranksep: 28, marginx: margin, marginy: margin });
  for (const node of graph.nodes) {
    const width = textWidth(cutText(node.name, maxNameChars), 7.4) + 36;
    dagre.setNode(node.id, { width, height: nodeHeight });
  }
  for (const edge of graph.edges) {
    const width = textWidth(edgeLabel(edge), 6.7) + 12;
    dagre.setEdge(edge.from, edge.to, { width, height: labelHeight, labelpos: 'c' }, edge.kind);
  }
  layout(dagre);
  const { width = 0, height = 0 } = dagre.graph() as { readonly width?: number; readonly height?: number };
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    nodes: graph.nodes.map((node) => {
      const { x, y, width } = dagre.node(node.id) as Point & { readonly width: number };
      return { ...node, x, y, width, height: nodeHeight, label: cutText(node.name, maxNameChars) };
    }),
    edges: graph.edges.map((edge) => {
      const placed = dagre.edge(edge.from, edge.to, edge.kind) as Point & {
        readonly points: readonly Point[];
      };
      return {
        ...edge,
        key: `${edge.from}\n${edge.to}\n${edge.kind}`,
        label: edgeLabel(edge),
        points: placed.points,
        labelAt: { x: placed.x, y: placed.y },
      };
    }),
  };
}

/** The name of the file says most where there is little room; the list has whole paths. */
function edgeLabel({ targets }: WaitGraphEdge): string {
  const first = targets[0]?.slice((targets[0]?.lastIndexOf('/') ?? -1) + 1) ?? '';
  const more = targets.length > 1 ? ` +${targets.length - 1}` : '';
  return cutText(first, maxLabelChars) + more;
}

/** An estimate that is rather too wide: wide characters (Chinese, Japanese, Korean, emoji) take twice the room. */
function textWidth(text: string, charWidth: number): number {
  let width = 0;
  for (const char of text) width += (char.codePointAt(0) ?? 0) > 0x2e80 ? charWidth * 1.9 : charWidth;
  return Math.ceil(width);
}
