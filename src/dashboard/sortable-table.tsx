import type { ComponentChildren, JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { pure } from './pure.ts';

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => ComponentChildren;
  /** By what the rows can be ordered. @default the column has no button */
  readonly order?: (row: T) => string | number;
  /** What decides its width and how it is written. */
  readonly kind?: 'main' | 'figure' | 'time';
}

export interface SortableTableProps<T> {
  /** What it lists, for those who do not see the heading beside it. */
  readonly caption: string;
  /** A constant, so that rows can tell that nothing changed. */
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
}

type Direction = 'ascending' | 'descending';
type Sorting = { readonly column: number; readonly direction: Direction } | null;

/** A table whose first column names the row. In the daemon's order until a heading is pressed, and again after the third press. */
export function SortableTable<T>({ caption, columns, rows, keyOf }: SortableTableProps<T>) {
  const [sorting, setSorting] = useState<Sorting>(null);
  const sorted = useMemo(() => sortRows(rows, columns, sorting), [rows, columns, sorting]);
  return (
    <table class="table">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column, at) => (
            <HeadCell
              key={column.title}
              column={column}
              direction={sorting?.column === at ? sorting.direction : undefined}
              onSort={() => setSorting(nextSorting(sorting, at))}
            />
          ))}
        </tr>
      </thead>
      <tbody>
        {sorted.map((row) => (
          <Row key={keyOf(row)} row={row} columns={columns as readonly Column<unknown>[]} />
        ))}
      </tbody>
    </table>
  );
}

interface HeadCellProps<T> {
  readonly column: Column<T>;
  readonly direction: Direction | undefined;
  readonly onSort: () => void;
}

function HeadCell<T>({ column, direction, onSort }: HeadCellProps<T>) {
  const { title, order, kind } = column;
  if (order === undefined) {
    return (
      <th scope="col" class={classOf(kind)}>
        {title}
      </th>
    );
  }
  const arrow = direction === undefined ? '↕' : direction === 'ascending' ? '↑' : '↓';
  return (
    <th scope="col" class={classOf(kind)} aria-sort={direction ?? 'none'}>
      <button type="button" class={`sort sort-${direction ?? 'none'}`} onClick={onSort}>
        {title}
        <span aria-hidden="true">{arrow}</span>
      </button>
    </th>
  );
}

interface RowProps {
  readonly row: unknown;
  readonly columns: readonly Column<unknown>[];
}

const Row = pure(({ row, columns }: RowProps): JSX.Element => {
  const [first, ...others] = columns;
  return (
    <tr>
      {first === undefined ? null : (
        <th scope="row" class={classOf(first.kind)}>
          {first.cell(row)}
        </th>
      )}
      {others.map(({ title, kind, cell }) => (
        <td key={title} class={classOf(kind)} data-title={title}>
          {cell(row)}
        </td>
      ))}
    </tr>
  );
});

function classOf(kind: Column<unknown>['kind']): string {
  return kind === undefined ? '' : `column-${kind}`;
}

function nextSorting(sorting: Sorting, column: number): Sorting {
  if (sorting?.column !== column) return { column, direction: 'ascending' };
  return sorting.direction === 'ascending' ? { column, direction: 'descending' } : null;
}

function sortRows<T>(rows: readonly T[], columns: readonly Column<T>[], sorting: Sorting): readonly T[] {
  const order = sorting === null ? undefined : columns[sorting.column]?.order;
  if (order === undefined) return rows;
  const sign = sorting?.direction === 'descending' ? -1 : 1;
  return [...rows].sort((one, other) => sign * compare(order(one), order(other)));
}

function compare(one: string | number, other: string | number): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return String(one).localeCompare(String(other), 'en', { numeric: true });
}
