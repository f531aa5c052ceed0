// A table that becomes a list of cards where it has no room: every cell carries its column's
// name. Where it still does not fit it scrolls inside its own box, never the page.
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface Column<Row> {
  title: string
  cell: (row: Row) => ComponentChildren
  /** Figures stand at the right, one under another. */
  isFigure?: boolean
  /** The cell that names the row: it heads the card. */
  isHead?: boolean
  /** On a card this cell takes the whole line, without its column's name. */
  isWide?: boolean
}

interface Props<Row> {
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string | number
  foot?: Row | undefined
  rowClass?: (row: Row) => string | undefined
  isCaptionShown?: boolean
  /** A table of figures reads worse as cards than it scrolls. */
  isAlwaysTable?: boolean
}

/** The room a column wants, in pixels at a letter size of 16. */
const ROOM = { figure: 64, word: 115, wide: 260 }

export function Table<Row>(props: Props<Row>) {
  const box = useRef<HTMLDivElement>(null)
  const [fit, setFit] = useState<'table' | 'cards' | 'scrolls'>('table')
  const wanted = props.columns.map(kind).reduce((sum, one) => sum + ROOM[one], 0)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || typeof ResizeObserver === 'undefined') return
    const measure = (): void => {
      const letters = Number.parseFloat(getComputedStyle(element).fontSize) / 16
      if (props.isAlwaysTable !== true && element.clientWidth < wanted * letters) setFit('cards')
      else setFit(element.scrollWidth > element.clientWidth ? 'scrolls' : 'table')
    }
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [wanted, props.isAlwaysTable])

  const scrolls = fit === 'scrolls' ? { role: 'group' as const, 'aria-label': props.caption, tabIndex: 0 } : {}
  return (
    <div class={`table ${fit}`} ref={box} {...scrolls}>
      <Body {...props} />
    </div>
  )
}

function Body<Row>(props: Props<Row>) {
  const line = (row: Row) =>
    props.columns.map((column) =>
      column.isHead === true ? (
        <th scope="row" class={kind(column)} data-title={column.title}>{column.cell(row)}</th>
      ) : (
        <td class={kind(column)} data-title={column.title}>{column.cell(row)}</td>
      ),
    )
  return (
    <table>
      <caption class={props.isCaptionShown === true ? undefined : 'unseen'}>{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column) => <th scope="col" class={kind(column)}>{column.title}</th>)}
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

function kind<Row>(column: Column<Row>): 'figure' | 'wide' | 'word' {
  if (column.isFigure === true) return 'figure'
  return column.isWide === true ? 'wide' : 'word'
}
