// The missed-call workbench: one row per client who still waits for a call back.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../../api.ts'
import { ticking } from '../../clock.ts'
import { onKey } from '../../keys.ts'
import { board, episodesChanged } from '../../live/store.ts'
import { Choose, Empty, FaultNotice, isPast, Phone, refusalText, Skeleton } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Pager } from '../../parts/pager.tsx'
import { Table } from '../../parts/table.tsx'
import { filter, query } from '../../router.tsx'
import { me } from '../../session.ts'
import { duration, phone } from '../../text/format.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Episode } from '../../types.ts'
import { Batches, clicked, type Act } from './batch.ts'
import { AssignDialog, CloseDialog, Due, isChief, isLocked, Last, RowActs, StateCell } from './episode.tsx'

const STATES = ['open', 'unassigned', 'closed', 'all'] as const

export function MissedPage() {
  const asked = query.value
  const state = asked.get('state') ?? 'open'
  const [queue, owner, cursor] = [asked.get('queue'), asked.get('owner'), asked.get('cursor')]
  const list = useFetched(
    () => api.missed({ state, queue, owner, cursor }),
    [state, queue, owner, cursor, episodesChanged.value],
  )
  const rows = overdueFirst(list.value?.items ?? [])
  const batches = useBatches(list.again)
  const mine = me.value?.operator
  const names = board.value?.queues.map((one) => one.name) ?? []
  return (
    <>
      <h1>{t('missed_title')}</h1>
      <div class="filters" role="search">
        <Choose
          name="state"
          label={t('missed_state')}
          value={state}
          options={STATES.map((value) => ({
            value,
            label: value === 'all' ? t('all') : word('missed_state', value),
          }))}
          onChange={(value) => filter({ state: value === 'open' ? null : value })}
        />
        <Choose
          name="queue"
          label={t('missed_queue')}
          value={queue ?? ''}
          options={[{ value: '', label: t('all') }, ...names.map((name) => ({ value: name, label: name }))]}
          onChange={(value) => filter({ queue: value })}
        />
        {mine && (
          <Choose
            name="owner"
            label={t('missed_owner')}
            value={owner ?? ''}
            options={[{ value: '', label: t('all') }, { value: mine, label: t('missed_mine') }]}
            onChange={(value) => filter({ owner: value })}
          />
        )}
      </div>
      {list.fault !== null && <FaultNotice fault={list.fault} onRetry={list.again} />}
      {list.value === null && list.fault === null && <Skeleton lines={6} />}
      {list.value !== null && rows.length === 0 && <Empty title={t('missed_empty')} next={t('missed_empty_next')} />}
      {rows.length > 0 && <Rows rows={rows} batches={batches} onDone={list.again} />}
      <Failures batches={batches} rows={rows} />
      <Undo batches={batches} />
      <Pager next={list.value?.next ?? null} />
    </>
  )
}

const carry = (id: number, act: Act): Promise<void> =>
  act.is === 'assign' ? api.assign(id, act.owner) : api.close(id, act.reason)

/** What waits is carried out when the page is left, by a link or with the whole tab. */
function useBatches(again: () => void): Batches {
  const batches = useMemo(() => new Batches(carry, again), [])
  useEffect(() => {
    const leave = (): void => void batches.flush()
    addEventListener('pagehide', leave)
    return () => {
      removeEventListener('pagehide', leave)
      leave()
    }
  }, [])
  return batches
}

function Rows(props: { rows: readonly Episode[]; batches: Batches; onDone: () => void }) {
  const { rows, batches } = props
  const [marked, setMarked] = useState<ReadonlySet<number>>(new Set())
  const [last, setLast] = useState<number | null>(null)
  const now = ticking()
  const waiting = new Set(batches.waiting.value?.ids)
  const open = rows.filter((one) => one.state.is !== 'closed' && !isLocked(one) && !waiting.has(one.id)).map((one) => one.id)
  const chosen = open.filter((id) => marked.has(id))

  function plan(act: Act, ids: readonly number[]): void {
    batches.plan(act, ids)
    setMarked(new Set())
  }

  function mark(id: number, isRange: boolean): void {
    setMarked(clicked(marked, open, { id, last, isRange }))
    setLast(id)
  }

  useEffect(() => onKey('KeyX', () => {
    document.activeElement?.closest('tr')?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click()
  }), [])

  const box = (one: Episode) => (
    <input
      type="checkbox"
      aria-label={t('missed_select', { number: phone(one.client, 'hidden') })}
      checked={chosen.includes(one.id)}
      disabled={!open.includes(one.id)}
      onClick={(event) => mark(one.id, event.shiftKey)}
    />
  )
  return (
    <>
      {rows.some((one) => one.state.is !== 'closed') && <Bar chosen={chosen} all={open} onMark={(ids) => setMarked(new Set(ids))} onPlan={plan} />}
      <Table
        caption={plural('missed_total', rows.length)}
        isCaptionShown
        rows={rows}
        rowKey={(one) => one.id}
        rowClass={(one) => (waiting.has(one.id) ? 'waits' : isOverdue(one) ? 'problem' : undefined)}
        columns={[
          { title: t('missed_number'), isHead: true, cell: (one) => <span class="pick">{one.state.is !== 'closed' && box(one)}<Phone value={one.client} kind={one.client === null ? 'hidden' : null} link /></span> },
          { title: t('missed_count'), isFigure: true, cell: (one) => one.count },
          { title: t('missed_last'), isFigure: true, cell: (one) => <Last one={one} now={now} /> },
          { title: t('missed_waited'), isFigure: true, cell: (one) => (one.waited_seconds === null ? t('none') : duration(one.waited_seconds)) },
          { title: t('missed_queue'), cell: (one) => (one.queue === '' ? t('stats_no_queue') : one.queue) },
          { title: t('col_reason'), cell: (one) => word('outcome', one.reason) },
          { title: t('missed_state'), cell: (one) => <StateCell one={one} now={now} /> },
          { title: t('missed_owner'), cell: (one) => one.owner ?? <span class="hint">{t('missed_nobody')}</span> },
          { title: t('missed_due'), isFigure: true, cell: (one) => <Due one={one} now={now} isOverdue={isOverdue(one)} /> },
          {
            title: t('missed_actions'),
            isWide: true,
            cell: (one) => (waiting.has(one.id) ? null : <RowActs one={one} onDone={props.onDone} onClose={(reason) => plan({ is: 'close', reason }, [one.id])} />),
          },
        ]}
      />
    </>
  )
}

/** What can be done with the rows that are marked. */
function Bar(props: { chosen: readonly number[]; all: readonly number[]; onMark: (ids: readonly number[]) => void; onPlan: (act: Act, ids: readonly number[]) => void }) {
  const { chosen, all } = props
  const [asking, setAsking] = useState<Act['is'] | null>(null)
  const mine = me.value?.operator ?? null
  const none = chosen.length === 0
  function act(done: Act): void {
    setAsking(null)
    props.onPlan(done, chosen)
  }
  return (
    <div class="acts bar" role="toolbar" aria-label={t('missed_bar')}>
      <label class="check">
        <input type="checkbox" checked={all.length > 0 && chosen.length === all.length} disabled={all.length === 0} onChange={() => props.onMark(chosen.length === all.length ? [] : all)} />
        {t('missed_select_all')}
      </label>
      <span role="status" class="hint">{plural('missed_chosen', chosen.length)}</span>
      {mine !== null && <button type="button" disabled={none} onClick={() => act({ is: 'assign', owner: mine })}>{t('missed_take')}</button>}
      {isChief() && <button type="button" disabled={none} onClick={() => setAsking('assign')}>{t('missed_assign_these')}</button>}
      <button type="button" disabled={none} onClick={() => setAsking('close')}>{t('missed_close_these')}</button>
      {asking === 'assign' && <AssignDialog owner={null} onClose={() => setAsking(null)} onChoose={(owner) => act({ is: 'assign', owner })} />}
      {asking === 'close' && <CloseDialog onClose={() => setAsking(null)} onChoose={(reason) => act({ is: 'close', reason })} />}
    </div>
  )
}

/** What is about to be done, and the button that takes it back. */
function Undo(props: { batches: Batches }) {
  const batch = props.batches.waiting.value
  if (batch === null) return null
  ticking() // the clock of the page moves the countdown
  const left = Math.max(0, Math.ceil((batch.at - Date.now()) / 1000))
  const n = batch.ids.length
  const what =
    batch.act.is === 'close' ? plural('missed_closing', n)
    : batch.act.owner === null ? plural('missed_freeing', n)
    : plural('missed_giving', n, { owner: batch.act.owner })
  return (
    <div class="undo">
      <span role="status">{what}</span>
      <button type="button" onClick={() => props.batches.undo()}>
        {t('undo')} <span class="figure" aria-hidden="true">{t('seconds_short', { n: left })}</span>
      </button>
    </div>
  )
}

function Failures(props: { batches: Batches; rows: readonly Episode[] }) {
  const failures = props.batches.failures.value
  if (failures.length === 0) return null
  const numberOf = (id: number): string => phone(props.rows.find((one) => one.id === id)?.client ?? null, 'hidden')
  return (
    <div class="notice bad" role="alert">
      <strong>⚠ {plural('missed_failed', failures.length)}</strong>
      <ul>{failures.map((one) => <li key={one.id}>{numberOf(one.id)}: {refusalText(one.fault)}</li>)}</ul>
      <button type="button" onClick={() => (props.batches.failures.value = [])}>{t('close')}</button>
    </div>
  )
}

const isOverdue = (one: Episode): boolean => one.state.is !== 'closed' && (one.overdue ?? isPast(one.due_at))

/** Overdue on top, then by deadline, then the client who has waited longest. */
export function overdueFirst(rows: readonly Episode[]): readonly Episode[] {
  const due = (one: Episode): number => (one.due_at === null ? Number.POSITIVE_INFINITY : Date.parse(one.due_at))
  const isDone = (one: Episode): number => (one.state.is === 'closed' ? 1 : 0)
  return [...rows].sort((a, b) => {
    if (isDone(a) !== isDone(b)) return isDone(a) - isDone(b)
    if (isDone(a) === 1) return Date.parse(b.last_at) - Date.parse(a.last_at)
    const [first, second] = [due(a), due(b)]
    return first === second ? Date.parse(a.first_at) - Date.parse(b.first_at) : first < second ? -1 : 1
  })
}
