// One row of the workbench: its cells, its buttons and the dialogs they open.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { board } from '../../live/store.ts'
import { Choose, refusalText, Tag } from '../../parts/basic.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { me } from '../../session.ts'
import { person, when } from '../../text/format.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Episode } from '../../types.ts'

/** Whether the reader gives work to others. */
export const isChief = (): boolean => me.value?.role === 'supervisor' || me.value?.role === 'admin'

/** Somebody is dialling this number: nobody else may. */
export const isLocked = (one: Episode): boolean => one.state.is === 'attempting' && one.state.operator !== me.value?.operator

export function Last(props: { one: Episode; now: number }) {
  const last = props.one.calls.at(-1)
  const text = when(Date.parse(props.one.last_at), props.now)
  return last === undefined ? <time>{text}</time> : <a href={`/calls/${last}`} data-row>{text}</a>
}

export function Due(props: { one: Episode; now: number; isOverdue: boolean }) {
  const { due_at } = props.one
  if (due_at === null) return <>{t('none')}</>
  const text = when(Date.parse(due_at), props.now)
  if (!props.isOverdue) return <time>{text}</time>
  return <Tag tone="bad">⚠ {text} <span class="unseen">{t('missed_overdue')}</span></Tag>
}

/** Where it stands, the last step towards a call back, and on demand everything that was done. */
export function StateCell(props: { one: Episode; now: number }) {
  const { one, now } = props
  const { state } = one
  if (state.is === 'closed') {
    return (
      <>
        <Tag tone="ok">✓ {word('closed', state.how ?? '', { reason: state.reason ?? '', by: person(state.by) })}</Tag>
        <Done one={one} now={now} />
      </>
    )
  }
  const tone = state.is === 'attempting' ? 'ring' : state.is === 'no_contact' ? 'warn' : 'mut'
  const step = state.is === 'attempting' || state.is === 'no_contact' ? undefined : one.steps.at(-1)
  return (
    <>
      <Tag tone={tone}>{word('episode', state.is, { name: state.operator ?? '' })}</Tag>
      {step !== undefined && step.kind !== 'assigned' && <> <Tag tone={step.kind === 'supervisor' ? 'bad' : 'warn'}>{word('step', step.kind)}</Tag></>}
      {one.step_at !== null && <span class="hint block">{t('episode_next', { time: when(Date.parse(one.step_at), now) })}</span>}
      <Done one={one} now={now} />
    </>
  )
}

/** Steps and attempts in the order of time. */
function Done(props: { one: Episode; now: number }) {
  const { steps, attempts } = props.one
  const n = steps.length + attempts.length
  if (n === 0) return null
  const lines = [
    ...steps.map((step) => ({ at: step.at, text: word('step', step.kind), who: step.owner, call: null })),
    ...attempts.map((attempt) => ({ at: attempt.at, text: t('episode_attempt'), who: attempt.operator, call: attempt.call })),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return (
    <details class="done">
      <summary>{plural('episode_done', n)}</summary>
      <ol>
        {lines.map((line) => (
          <li key={line.at + line.text}>
            <time class="figure">{when(Date.parse(line.at), props.now)}</time>{' '}
            {line.call === null ? line.text : <a href={`/calls/${line.call}`}>{line.text}</a>}
            {line.who !== null && <> · {line.who}</>}
          </li>
        ))}
      </ol>
    </details>
  )
}

type Asking = 'assign' | 'close' | null

/** The buttons of one row. Closing waits for a moment, because it cannot be taken back later. */
export function RowActs(props: { one: Episode; onDone: () => void; onClose: (reason: string) => void }) {
  const { one } = props
  const [asking, setAsking] = useState<Asking>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  if (one.state.is === 'closed') return null
  const mine = me.value?.operator ?? null

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

  const locked = isLocked(one)
  return (
    <div class="acts">
      {mine !== null && one.owner !== mine && (
        <button type="button" disabled={isBusy || locked} onClick={() => void act(api.assign(one.id, mine))}>{t('missed_take')}</button>
      )}
      {isChief() && <button type="button" disabled={isBusy} onClick={() => setAsking('assign')}>{t('missed_assign')}</button>}
      {!isChief() && one.owner !== null && one.owner === mine && (
        <button type="button" disabled={isBusy} onClick={() => void act(api.assign(one.id, null))}>{t('missed_unassign')}</button>
      )}
      <button type="button" disabled={isBusy || locked} onClick={() => setAsking('close')}>{t('missed_close')}</button>
      {typeof one.client === 'string' && !locked && <a class="button narrow-only" href={`tel:${one.client}`}>{t('missed_call_back')}</a>}
      {fault !== null && <span class="bad-text" role="alert">⚠ {refusalText(fault)}</span>}
      {asking === 'assign' && <AssignDialog owner={one.owner} onClose={() => setAsking(null)} onChoose={(owner) => void act(api.assign(one.id, owner))} />}
      {asking === 'close' && <CloseDialog onClose={() => setAsking(null)} onChoose={(reason) => {
        setAsking(null)
        props.onClose(reason)
      }} />}
    </div>
  )
}

export function AssignDialog(props: { owner: string | null; onClose: () => void; onChoose: (owner: string | null) => void }) {
  const names = board.value?.operators.map((operator) => operator.name) ?? []
  const [owner, setOwner] = useState(props.owner ?? names[0] ?? '')
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

export function CloseDialog(props: { onClose: () => void; onChoose: (reason: string) => void }) {
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
