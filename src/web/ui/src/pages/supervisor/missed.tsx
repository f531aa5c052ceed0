// The missed-call workbench: one row per client who still waits for a call back.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { ticking } from '../../clock.ts'
import { board, episodesChanged } from '../../live/store.ts'
import { Choose, Empty, FaultNotice, faultText, isPast, Phone, Skeleton, Tag } from '../../parts/basic.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Pager } from '../../parts/pager.tsx'
import { Table } from '../../parts/table.tsx'
import { filter, query } from '../../router.tsx'
import { me } from '../../session.ts'
import { duration, when } from '../../text/format.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Episode } from '../../types.ts'

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
      {rows.length > 0 && <Rows rows={rows} onDone={list.again} />}
      <Pager next={list.value?.next ?? null} />
    </>
  )
}

function Rows(props: { rows: readonly Episode[]; onDone: () => void }) {
  const now = ticking()
  return (
    <Table
      caption={plural('missed_total', props.rows.length)}
      isCaptionShown
      rows={props.rows}
      rowKey={(one) => one.id}
      rowClass={(one) => (isOverdue(one) ? 'problem' : undefined)}
      columns={[
        { title: t('missed_number'), isHead: true, cell: (one) => <Phone value={one.client} kind={one.client === null ? 'hidden' : null} link /> },
        { title: t('missed_count'), isFigure: true, cell: (one) => one.count },
        { title: t('missed_last'), isFigure: true, cell: (one) => <Last one={one} now={now} /> },
        { title: t('missed_waited'), isFigure: true, cell: (one) => (one.waited_seconds === null ? t('none') : duration(one.waited_seconds)) },
        { title: t('missed_queue'), cell: (one) => (one.queue === '' ? t('stats_no_queue') : one.queue) },
        { title: t('col_reason'), cell: (one) => word('outcome', one.reason) },
        { title: t('missed_state'), cell: (one) => <StateTag one={one} /> },
        { title: t('missed_owner'), cell: (one) => one.owner ?? <span class="hint">{t('missed_nobody')}</span> },
        { title: t('missed_due'), isFigure: true, cell: (one) => <Due one={one} now={now} /> },
        { title: t('missed_actions'), isWide: true, cell: (one) => <Acts one={one} onDone={props.onDone} /> },
      ]}
    />
  )
}

function Last(props: { one: Episode; now: number }) {
  const last = props.one.calls.at(-1)
  const text = when(Date.parse(props.one.last_at), props.now)
  return last === undefined ? <time>{text}</time> : <a href={`/calls/${last}`} data-row>{text}</a>
}

function Due(props: { one: Episode; now: number }) {
  const { due_at } = props.one
  if (due_at === null) return <>{t('none')}</>
  const text = when(Date.parse(due_at), props.now)
  if (!isOverdue(props.one)) return <time>{text}</time>
  return <Tag tone="bad">⚠ {text} <span class="unseen">{t('missed_overdue')}</span></Tag>
}

function StateTag(props: { one: Episode }) {
  const { state } = props.one
  if (state.is !== 'closed') {
    const tone = state.is === 'attempting' ? 'ring' : state.is === 'no_contact' ? 'warn' : 'mut'
    const kind = state.is === 'attempting' || state.is === 'no_contact' ? undefined : props.one.steps.at(-1)?.kind
    return (
      <>
        <Tag tone={tone}>{word('episode', state.is, { name: state.operator ?? '' })}</Tag>
        {kind !== undefined && kind !== 'assigned' && <Tag tone={kind === 'supervisor' ? 'bad' : 'warn'}>{word('step', kind)}</Tag>}
      </>
    )
  }
  return <Tag tone="ok">✓ {word('closed', state.how ?? '', { reason: state.reason ?? '', by: state.by ?? '' })}</Tag>
}

type Asking = 'assign' | 'close' | null

function Acts(props: { one: Episode; onDone: () => void }) {
  const { one } = props
  const [asking, setAsking] = useState<Asking>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  if (one.state.is === 'closed') return null
  const who = me.value
  const isChief = who?.role === 'supervisor' || who?.role === 'admin'
  const mine = who?.operator ?? null

  async function act(doing: Promise<void>): Promise<void> {
    setBusy(true)
    setAsking(null)
    try {
      await doing
      setFault(null)
      props.onDone()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }

  // Somebody is dialling this number: nobody else may.
  const isLocked = one.state.is === 'attempting' && one.state.operator !== mine
  return (
    <div class="acts">
      {mine !== null && one.owner !== mine && (
        <button type="button" disabled={isBusy || isLocked} onClick={() => void act(api.assign(one.id, mine))}>{t('missed_take')}</button>
      )}
      {isChief && <button type="button" disabled={isBusy} onClick={() => setAsking('assign')}>{t('missed_assign')}</button>}
      {!isChief && one.owner !== null && one.owner === mine && (
        <button type="button" disabled={isBusy} onClick={() => void act(api.assign(one.id, null))}>{t('missed_unassign')}</button>
      )}
      <button type="button" disabled={isBusy || isLocked} onClick={() => setAsking('close')}>{t('missed_close')}</button>
      {typeof one.client === 'string' && !isLocked && <a class="button narrow-only" href={`tel:${one.client}`}>{t('missed_call_back')}</a>}
      {fault !== null && <span class="bad-text" role="alert">⚠ {faultText(fault)}</span>}
      {asking === 'assign' && <AssignDialog one={one} onClose={() => setAsking(null)} onChoose={(owner) => void act(api.assign(one.id, owner))} />}
      {asking === 'close' && <CloseDialog onClose={() => setAsking(null)} onChoose={(reason) => void act(api.close(one.id, reason))} />}
    </div>
  )
}

function AssignDialog(props: { one: Episode; onClose: () => void; onChoose: (owner: string | null) => void }) {
  const names = board.value?.operators.map((operator) => operator.name) ?? []
  const [owner, setOwner] = useState(props.one.owner ?? names[0] ?? '')
  return (
    <Dialog title={t('missed_assign')} onClose={props.onClose}>
      <Choose
        name="assignee"
        label={t('missed_assign_to')}
        value={owner}
        options={[{ value: '', label: t('missed_nobody') }, ...names.map((name) => ({ value: name, label: name }))]}
        onChange={setOwner}
      />
      <div class="acts">
        <button type="button" class="main" onClick={() => props.onChoose(owner === '' ? null : owner)}>{t('save')}</button>
        <button type="button" onClick={props.onClose}>{t('cancel')}</button>
      </div>
    </Dialog>
  )
}

function CloseDialog(props: { onClose: () => void; onChoose: (reason: string) => void }) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title={t('missed_close_title')} onClose={props.onClose}>
      <label class="field">
        <span>{t('missed_close_reason')}</span>
        <textarea rows={3} maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="acts">
        <button type="button" class="main" disabled={reason.trim() === ''} onClick={() => props.onChoose(reason.trim())}>{t('save')}</button>
        <button type="button" onClick={props.onClose}>{t('cancel')}</button>
      </div>
    </Dialog>
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

