// The outbox: what waits to be told to a CRM or a messenger, what is stuck, and its mend.
import { useState } from 'preact/hooks'
import { api, asFault, Fault } from '../../api.ts'
import { serverNow } from '../../clock.ts'
import { Choose, Empty, FaultNotice, Skeleton, Tag, type Tone } from '../../parts/basic.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Pager } from '../../parts/pager.tsx'
import { Table } from '../../parts/table.tsx'
import { filter, query } from '../../router.tsx'
import { me } from '../../session.ts'
import { when } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Json, Note, NoteDetail, NoteState } from '../../types.ts'
import { Frame, Refused } from './frame.tsx'

const STATES = ['stuck', 'waiting', 'pending', 'in_flight', 'ambiguous', 'done', 'skipped', 'dead', 'unclear'] as const

export function OutboxPage() {
  const [target, state, cursor] = [query.value.get('target') ?? '', query.value.get('state') ?? '', query.value.get('cursor')]
  const notes = useFetched(() => api.notes({ target, state, cursor }), [target, state, cursor])
  const targets = useFetched(api.targets, [])
  const [shown, setShown] = useState<string | null>(null)
  const names = targets.value?.items.map((one) => one.name) ?? []
  const rows = notes.value?.items ?? []
  return (
    <Frame section="outbox" onReloaded={notes.again}>
      <div class="filters">
        <Choose
          name="target"
          label={t('crm_name')}
          value={target}
          options={[{ value: '', label: t('all') }, ...names.map((name) => ({ value: name, label: name }))]}
          onChange={(value) => filter({ target: value })}
        />
        <Choose
          name="state"
          label={t('crm_state')}
          value={state}
          options={[{ value: '', label: t('all') }, ...STATES.map((one) => ({ value: one, label: word('note', one) }))]}
          onChange={(value) => filter({ state: value })}
        />
      </div>
      {notes.fault !== null && <FaultNotice fault={notes.fault} onRetry={notes.again} />}
      {notes.value === null && notes.fault === null && <Skeleton lines={5} />}
      {notes.value !== null && rows.length === 0 && <Empty title={t('outbox_none')} />}
      {rows.length > 0 && (
        <Table
          caption={word('admin', 'outbox')}
          rows={rows}
          rowKey={(one) => one.id}
          rowClass={(one) => (isStuck(one.state) ? 'problem' : undefined)}
          columns={[
            { title: t('outbox_what'), isHead: true, cell: (one) => <What note={one} /> },
            { title: t('crm_name'), cell: (one) => one.target },
            { title: t('crm_state'), cell: (one) => <Tag tone={toneOf(one.state)}>{word('note', one.state)}</Tag> },
            { title: t('outbox_tries'), isFigure: true, cell: (one) => one.tries },
            { title: t('outbox_next'), isFigure: true, cell: (one) => (one.due_at === null ? t('none') : when(Date.parse(one.due_at), serverNow())) },
            { title: t('outbox_why'), isWide: true, cell: (one) => one.why ?? '' },
            { title: t('missed_actions'), isWide: true, cell: (one) => <Acts note={one} onDone={notes.again} onShow={() => setShown(one.id)} /> },
          ]}
        />
      )}
      <Pager next={notes.value?.next ?? null} />
      {shown !== null && <Whole key={shown} id={shown} onClose={() => setShown(null)} onDone={notes.again} />}
    </Frame>
  )
}

const isStuck = (state: NoteState): boolean => state === 'dead' || state === 'unclear'

function toneOf(state: NoteState): Tone {
  switch (state) {
    case 'done':
      return 'ok'
    case 'dead':
    case 'unclear':
      return 'bad'
    case 'ambiguous':
      return 'warn'
    case 'pending':
    case 'in_flight':
    case 'skipped':
      return 'mut'
  }
}

function What(props: { note: Note }) {
  const { note } = props
  const kind = <>{word('kind', note.kind)} <time class="hint">{when(Date.parse(note.created_at), serverNow())}</time></>
  return note.call === null ? kind : <a href={`/calls/${note.call}`}>{kind}</a>
}

function Acts(props: { note: Note; onDone: () => void; onShow: () => void }) {
  const { note } = props
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [isSkipping, setSkipping] = useState(false)
  const [reason, setReason] = useState('')

  async function act(doing: Promise<void>): Promise<void> {
    setSkipping(false)
    setBusy(true)
    setFault(null)
    try {
      await doing
      props.onDone()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }

  const mayRetry = isStuck(note.state) || note.state === 'skipped'
  const maySkip = note.state !== 'done' && note.state !== 'skipped' && note.state !== 'in_flight'
  return (
    <div class="acts">
      <button type="button" onClick={props.onShow}>{t('view')}</button>
      {mayRetry && <button type="button" disabled={isBusy} onClick={() => void act(api.retryNote(note.id))}>{t('outbox_retry')}</button>}
      {maySkip && <button type="button" disabled={isBusy} onClick={() => setSkipping(true)}>{t('outbox_skip')}</button>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
      {isSkipping && (
        <Dialog title={t('outbox_skip')} onClose={() => setSkipping(false)}>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              void act(api.skipNote(note.id, reason.trim()))
            }}
          >
            <p>{t('outbox_skip_hint')}</p>
            <label class="field">
              <span>{t('outbox_reason')}</span>
              <input name="reason" required maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
            </label>
            <div class="acts">
              <button type="submit" class="danger" disabled={reason.trim() === ''}>{t('outbox_skip')}</button>
              <button type="button" onClick={() => setSkipping(false)}>{t('cancel')}</button>
            </div>
          </form>
        </Dialog>
      )}
    </div>
  )
}

/** A note with its body. A dead one can be mended by whoever sees it whole. */
function Whole(props: { id: string; onClose: () => void; onDone: () => void }) {
  const detail = useFetched(() => api.note(props.id), [props.id])
  return (
    <Dialog title={t('outbox_note')} onClose={props.onClose}>
      {detail.fault !== null && <FaultNotice fault={detail.fault} onRetry={detail.again} />}
      {detail.value === null && detail.fault === null && <Skeleton lines={6} />}
      {detail.value !== null && <Body key={detail.value.revision} note={detail.value} {...props} />}
    </Dialog>
  )
}

function Body(props: { note: NoteDetail; onClose: () => void; onDone: () => void }) {
  const { note } = props
  const [text, setText] = useState(JSON.stringify(note.body, null, 2))
  const [fault, setFault] = useState<Fault | null>(null)
  const mayMend = note.state === 'dead' && me.value?.role === 'admin'

  async function send(event: Event): Promise<void> {
    event.preventDefault()
    setFault(null)
    const body = parsed(text)
    if (body === undefined) {
      setFault(new Fault(400, 'bad_json', t('outbox_bad_json'), null))
      return
    }
    try {
      await api.editNote(note.id, body)
      props.onDone()
      props.onClose()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
  }

  return (
    <form onSubmit={(event) => void send(event)}>
      <p><code>{note.once_key}</code></p>
      {note.why !== null && <p class="hint">{note.why}</p>}
      {mayMend ? (
        <textarea class="code" name="body" aria-label={t('outbox_body')} rows={16} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      ) : (
        <pre tabIndex={0} aria-label={t('outbox_body')}>{text}</pre>
      )}
      {note.external !== null && <pre tabIndex={0} aria-label={t('outbox_external')}>{JSON.stringify(note.external, null, 2)}</pre>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
      {mayMend && <button type="submit" class="main">{t('outbox_mend')}</button>}
    </form>
  )
}

/** What a person wrote as JSON; nothing when it is none. */
function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
