// The list of calls, with its filters in the address.
import { api } from '../../api.ts'
import { serverNow } from '../../clock.ts'
import { board, callsChanged } from '../../live/store.ts'
import { Choose, Empty, FaultNotice, Field, Phone, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Pager } from '../../parts/pager.tsx'
import { DispositionSign } from '../../parts/state.tsx'
import { Table } from '../../parts/table.tsx'
import { filter, path, query, replace } from '../../router.tsx'
import { dayStart, duration, when } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Call } from '../../types.ts'

const DIRECTIONS = ['in', 'out', 'internal'] as const
const DISPOSITIONS = ['open', 'answered', 'missed', 'no_answer', 'busy', 'cancelled', 'failed', 'unknown_end'] as const
const DAY = 24 * 3600 * 1000

/** What the address may hold and the API is given. */
const PASSED = ['queue', 'operator', 'disposition', 'outcome', 'direction', 'provider', 'account', 'client', 'missed', 'cursor'] as const

export function CallsPage() {
  const asked = query.value
  const given = Object.fromEntries(PASSED.map((key) => [key, asked.get(key)]))
  const date = asked.get('day') ?? ''
  const start = /^\d{4}-\d{2}-\d{2}$/.test(date) ? dayStart(date) : null
  const span = start === null ? {} : { from: stamp(start), to: stamp(start + DAY) }
  // A later page of a list must not move under the reader; the first one follows the news.
  const news = asked.has('cursor') ? 0 : callsChanged.value
  const list = useFetched(() => api.calls({ ...given, ...span, limit: 50 }), [asked.toString(), news])
  const rows = list.value?.items ?? []
  return (
    <>
      <h1>{t('calls_title')}</h1>
      <Filters date={date} />
      {list.fault !== null && <FaultNotice fault={list.fault} onRetry={list.again} />}
      {list.value === null && list.fault === null && <Skeleton lines={8} />}
      {list.value !== null && rows.length === 0 && <Empty title={t('calls_empty')} next={t('calls_empty_next')} />}
      {rows.length > 0 && <CallTable rows={rows} />}
      <Pager next={list.value?.next ?? null} />
    </>
  )
}

const stamp = (at: number): string => new Date(at).toISOString()

function Filters(props: { date: string }) {
  const asked = query.value
  const choose = (name: string, label: string, options: readonly { value: string; label: string }[]) => (
    <Choose
      name={name}
      label={label}
      value={asked.get(name) ?? ''}
      options={[{ value: '', label: t('all') }, ...options]}
      onChange={(value) => filter({ [name]: value })}
    />
  )
  const names = (all: readonly { name: string }[] | undefined) => (all ?? []).map(({ name }) => ({ value: name, label: name }))
  return (
    <div class="filters" role="search">
      <Field label={t('calls_day')} type="date" name="day" value={props.date} onChange={(event) => filter({ day: event.currentTarget.value })} />
      {choose('direction', t('calls_direction'), DIRECTIONS.map((value) => ({ value, label: word('direction', value) })))}
      {choose('disposition', t('calls_result'), DISPOSITIONS.map((value) => ({ value, label: word('disposition', value) })))}
      {choose('queue', t('col_queue'), names(board.value?.queues))}
      {choose('operator', t('calls_operator'), names(board.value?.operators))}
      <label class="check">
        <input type="checkbox" checked={asked.get('missed') === 'true'} onChange={(event) => filter({ missed: event.currentTarget.checked ? 'true' : null })} />
        <span>{t('calls_only_missed')}</span>
      </label>
      {asked.size > 0 && <button type="button" class="quiet" onClick={() => replace(path.value)}>{t('clear_filters')}</button>}
    </div>
  )
}

function CallTable(props: { rows: readonly Call[] }) {
  const now = serverNow()
  const long = (seconds: number | null): string => (seconds === null ? t('none') : duration(seconds))
  return (
    <Table
      caption={t('calls_title')}
      rows={props.rows}
      rowKey={(call) => call.id}
      columns={[
        { title: t('calls_client'), isHead: true, cell: (call) => <Phone value={call.client_e164} kind={call.client_kind} /> },
        { title: t('calls_when'), isFigure: true, cell: (call) => <a href={`/calls/${call.id}`} data-row>{when(Date.parse(call.started_at), now)}</a> },
        { title: t('calls_direction'), cell: (call) => (call.direction === null ? t('none') : word('direction', call.direction)) },
        {
          title: t('calls_result'),
          cell: (call) => (
            <>
              <DispositionSign call={call} />
              {call.missed && call.outcome !== null && <span class="hint"> {word('outcome', call.outcome)}</span>}
              {!call.settled && call.ended_at !== null && <> <Tag>{t('calls_settling')}</Tag></>}
            </>
          ),
        },
        { title: t('calls_operator'), cell: (call) => call.answered_by ?? call.placed_by ?? t('none') },
        { title: t('col_queue'), cell: (call) => call.queue ?? t('none') },
        { title: t('calls_wait'), isFigure: true, cell: (call) => long(call.wait_seconds) },
        { title: t('calls_talk'), isFigure: true, cell: (call) => long(call.talk_seconds) },
      ]}
    />
  )
}
