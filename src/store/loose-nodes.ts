/** What looks like a node in a page of which not everything can be believed. What is none of ours fails its checksum. */
import { type PageFile, pageHeadBytes } from './lmdb-file.ts';
import { bigDataFlag, nodeHeadBytes, overflowNodeBytes, subTreeFlag } from './lmdb-page.ts';
import type { LeafEntry } from './lmdb-tree.ts';

export interface LooseNode extends LeafEntry {
  /** The value is the header of a tree. */
  readonly isTree: boolean;
}

/**
 * First the nodes that the page's own list names, whatever the head of the page says of it. Then those that the list does not name any
 * more: nodes fill a page from the first to its end, so each leads to the next.
 */
export function looseNodes(file: PageFile, at: number): readonly LooseNode[] {
  const nodes = new Map<number, { readonly entry: LooseNode; readonly end: number }>();
  const take = (offset: number): boolean => {
    const node = nodes.get(offset) ?? nodeAt(file, at, offset);
    if (node !== undefined) nodes.set(offset, node);
    return node !== undefined;
  };
  const limit = file.pageBytes - pageHeadBytes;
  for (const offset of listedOffsets(file, at)) take(offset);
  const listed = [...nodes.keys()].sort((a, b) => a - b);
  const upper = file.halves[(at >> 1) + 11] ?? 0;
  for (const start of [listed[0] ?? limit, upper || limit])
    for (let offset = start; offset < limit; ) {
      const behind = listed.find((other) => other > offset) ?? limit;
      // The size of a node may be what is damaged: then the next one in the list tells where to go on.
      const end = take(offset) ? (nodes.get(offset)?.end ?? behind) : behind;
      offset = Math.min(end, behind);
    }
  return [...nodes.values()].map(({ entry }) => entry);
}

/** The list ends where the head of the page says, or when that is impossible where the first node begins. */
function listedOffsets({ halves, pageBytes }: PageFile, at: number): readonly number[] {
  const half = at >> 1;
  const limit = pageBytes - pageHeadBytes;
  const lower = halves[half + 10] ?? 0;
  let end = lower > 0 && lower % 2 === 0 && lower <= limit ? lower : limit;
  const offsets: number[] = [];
  for (let index = 0; (index + 1) * 2 <= end; index++) {
    const offset = halves[half + 12 + index] ?? 0;
    if (offset < (index + 1) * 2) continue;
    offsets.push(offset);
    if (end !== lower) end = Math.min(end, offset);
  }
  return offsets;
}

function nodeAt(
  file: PageFile,
  at: number,
  offset: number,
): { readonly entry: LooseNode; readonly end: number } | undefined {
  const limit = file.pageBytes - pageHeadBytes;
  if (offset % 2 !== 0 || offset + nodeHeadBytes > limit) return undefined;
  const { halves, bytes } = file;
  const node = (at >> 1) + 12 + (offset >> 1);
  const flags = halves[node + 2] ?? 0;
  const keyBytes = halves[node + 3] ?? 0;
  const valueBytes = (halves[node] ?? 0) + (halves[node + 1] ?? 0) * 65_536;
  const isBig = flags === bigDataFlag;
  const end = offset + nodeHeadBytes + keyBytes + (isBig ? overflowNodeBytes : valueBytes);
  if (!(isBig || flags === 0 || flags === subTreeFlag) || keyBytes === 0 || end > limit) return undefined;
  const keyAt = (node << 1) + nodeHeadBytes;
  const valueAt = keyAt + keyBytes;
  const overflowPage = isBig ? Number(new DataView(bytes.buffer).getBigUint64(valueAt, true)) : 0;
  if (isBig && (overflowPage < 2 || overflowPage >= file.pages || valueBytes > file.fileBytes))
    return undefined;
  const isTree = flags === subTreeFlag;
  return {
    entry: { file, keyAt, keyBytes, valueAt, valueBytes, overflowPage, isTree },
    end: end + (end & 1),
  };
}
