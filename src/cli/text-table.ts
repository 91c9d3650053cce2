import { labelled } from './labelled.ts';
import { oneLine, type Screen } from './screen.ts';
import { displayWidth, wrapText } from './wrap-text.ts';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Takes the space that is left and wraps there; the others keep their width while that is possible. @default false */
  readonly wraps?: true;
}

const gap = 2;
const narrowestColumn = 8;
/** A column of text narrower than this cannot be read: then each row becomes a block of labelled lines. */
const narrowestText = 14;

/** Rows under a head line, without rules, no wider than the screen; on a screen too narrow for that a block for each row. */
export async function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  screen: Screen,
): Promise<string> {
  const cells = rows.map((row) => columns.map((column) => oneLine(column.cell(row))));
  const widths = columnWidths(columns, cells, screen.width);
  const wanted = columnWidths(columns, cells, Number.POSITIVE_INFINITY);
  const isTooNarrow = columns.some(
    (_, at) => (widths[at] ?? 0) < Math.min(wanted[at] ?? 0, narrowestText + gap),
  );
  if (isTooNarrow) return cells.map((row) => block(columns, row, screen)).join('\n');
  // Loaded only when a table is shown: most commands of agents ask for JSON.
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: columns.map((column) => screen.paint('bold', column.head)),
    colWidths: widths,
    chars: noRules,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': gap },
  });
  // Wrapped here: the table's own wrapping either cuts long paths off or breaks every word in the middle.
  table.push(
    ...cells.map((row) => row.map((cell, at) => wrapText(cell, (widths[at] ?? 0) - gap).join('\n'))),
  );
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function block<Row>(columns: readonly Column<Row>[], row: readonly string[], screen: Screen): string {
  const filled = columns.map(({ head }, at) => [head.toLowerCase(), row[at] || undefined] as const);
  return labelled(filled, screen);
}

const noRules = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
    [side, ''],
    ...['mid', 'left', 'right'].map((part) => [`${side}-${part}`, '']),
  ]),
);
noRules.middle = '';

/** Each column as wide as its widest cell; what does not fit is taken from the wrapping columns first, then from all. */
function columnWidths<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  screenWidth: number,
): number[] {
  const widths = columns.map(
    (column, at) => Math.max(column.head.length, ...cells.map((row) => displayWidth(row[at] ?? ''))) + gap,
  );
  shrink(widths, screenWidth, (at) => columns[at]?.wraps === true);
  shrink(widths, screenWidth, () => true);
  return widths;
}

/** Takes from the widest of the columns that may give until all fit. */
function shrink(widths: number[], screenWidth: number, mayGive: (at: number) => boolean): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - screenWidth;
  while (over > 0) {
    let widest = -1;
    for (const [at, width] of widths.entries()) {
      if (mayGive(at) && width > narrowestColumn && width > (widths[widest] ?? 0)) widest = at;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over--;
  }
}
