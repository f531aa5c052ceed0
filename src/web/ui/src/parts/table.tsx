// A table that becomes a list of cards on a narrow screen: every cell carries its column's name.
import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  title: string
  cell: (row: Row) => ComponentChildren
  /** Figures stand at the right, one under another. */
  isFigure?: boolean
  /** The cell that names the row: it heads the card. */
  isHead?: boolean
}

export function Table<Row>(props: {
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string | number
  foot?: Row | undefined
  rowClass?: (row: Row) => string | undefined
  isCaptionShown?: boolean
}) {
  const line = (row: Row) =>
    props.columns.map((column) => {
      const kind = column.isFigure === true ? 'figure' : undefined
      if (column.isHead === true) {
        return <th scope="row" class={kind} data-title={column.title}>{column.cell(row)}</th>
      }
      return <td class={kind} data-title={column.title}>{column.cell(row)}</td>
    })
  return (
    <table>
      <caption class={props.isCaptionShown === true ? undefined : 'unseen'}>{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column) => (
            <th scope="col" class={column.isFigure === true ? 'figure' : undefined}>{column.title}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={props.rowKey(row)} class={props.rowClass?.(row)}>{line(row)}</tr>
        ))}
      </tbody>
      {props.foot !== undefined && (
        <tfoot>
          <tr>{line(props.foot)}</tr>
        </tfoot>
      )}
    </table>
  )
}
