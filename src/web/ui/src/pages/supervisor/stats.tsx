// Missed-call statistics: one question at a time, as figures and, by hour, as a picture of the
// same figures. The table is the truth; the chart is drawn from its rows.
import { api } from '../../api.ts'
import { board, callsChanged } from '../../live/store.ts'
import { Bars } from '../../parts/bars.tsx'
import { Choose, Empty, FaultNotice, Panel, Skeleton } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Table, type Column } from '../../parts/table.tsx'
import { filter, query } from '../../router.tsx'
import { clock, count, share } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { StatRow } from '../../types.ts'

/** The key of the row of sums; no queue, operator or provider can be called so. */
const TOTAL = '='

const BY = ['hour', 'queue', 'operator', 'reason', 'provider'] as const
type By = (typeof BY)[number]

export function MissedStats() {
  const asked = query.value.get('by')
  const by: By = BY.find((one) => one === asked) ?? 'hour'
  const from = board.value?.day_start
  const stats = useFetched(() => api.stats('missed', { by, from }), [by, from, callsChanged.value])
  const items = stats.value?.by === by ? stats.value.items : []
  // By reason the server counts every way a wait ended; only those that missed somebody belong here.
  const rows = by === 'reason' ? items.filter((row) => (row.missed ?? 0) > 0) : items
  const choose = (
    <Choose
      name="by"
      label={t('by_label')}
      value={by}
      options={BY.map((value) => ({ value, label: word('by', value) }))}
      onChange={(value) => filter({ by: value })}
    />
  )
  const columns = by === 'operator' ? operatorColumns() : countColumns(by)
  return (
    <Panel title={t('board_missed_by')} aside={choose} id="missed-stats">
      {stats.fault !== null && <FaultNotice fault={stats.fault} onRetry={stats.again} />}
      {stats.value === null && stats.fault === null && <Skeleton lines={5} />}
      {stats.value !== null && rows.length === 0 && <Empty title={t('board_empty')} />}
      {by === 'hour' && rows.length > 0 && (
        <Bars bars={rows.map((row) => ({ label: keyText(by, row.key), answered: row.answered ?? 0, missed: row.missed ?? 0 }))} />
      )}
      {rows.length > 0 && (
        <Table
          caption={by === 'hour' ? t('board_missed_chart') : word('by', by)}
          isCaptionShown={by === 'hour'}
          isAlwaysTable
          rows={rows}
          rowKey={(row) => row.key}
          columns={columns}
          foot={by === 'operator' || stats.value === null ? undefined : { ...stats.value.total, key: TOTAL }}
        />
      )}
    </Panel>
  )
}

function countColumns(by: By): readonly Column<StatRow>[] {
  const titles: Record<By, string> = {
    hour: t('col_hour'),
    queue: t('col_queue'),
    operator: t('col_operator'),
    reason: t('col_reason'),
    provider: t('col_provider'),
  }
  const head: Column<StatRow> = {
    title: titles[by],
    isHead: true,
    cell: (row) => (row.key === TOTAL ? t('col_total') : keyText(by, row.key)),
  }
  const missed: Column<StatRow> = { title: t('col_missed'), isFigure: true, cell: (row) => figure(row.missed) }
  if (by === 'reason') return [head, missed]
  return [
    head,
    { title: t('col_offered'), isFigure: true, cell: (row) => figure(row.offered) },
    { title: t('col_answered'), isFigure: true, cell: (row) => figure(row.answered) },
    missed,
    {
      title: t('col_share'),
      isFigure: true,
      cell: (row) => share(row.offered !== undefined && row.offered > 0 ? (row.missed ?? 0) / row.offered : null),
    },
  ]
}

function operatorColumns(): readonly Column<StatRow>[] {
  const figures: readonly (readonly [string, keyof StatRow])[] = [
    [t('col_rung'), 'rung'],
    [t('col_won'), 'won'],
    [t('col_no_answer'), 'no_answer'],
    [t('col_rejected'), 'rejected'],
    [t('col_unreachable'), 'unreachable'],
    [t('col_lost'), 'lost'],
    [t('col_caller_gone'), 'caller_gone'],
  ]
  return [
    { title: t('col_operator'), isHead: true, cell: (row) => row.key },
    ...figures.map(([title, key]): Column<StatRow> => ({ title, isFigure: true, cell: (row) => figure(row[key]) })),
  ]
}

const figure = (value: unknown): string => (typeof value === 'number' ? count(value) : t('none'))

/** `09:00` for an hour, the words of a reason, the name of anything else. */
export function keyText(by: string, key: string): string {
  if (by === 'reason') return word('outcome', key)
  if (by === 'queue' && key === '') return t('stats_no_queue')
  if (by !== 'hour') return key
  if (/^\d{1,2}$/.test(key)) return `${key.padStart(2, '0')}:00`
  const at = Date.parse(key)
  return Number.isFinite(at) ? clock(at) : key
}
