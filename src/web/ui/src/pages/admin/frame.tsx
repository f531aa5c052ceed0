// What the pages of the set-up share: their menu, reading the file again, what a change did.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { Copy, Empty, refusalText } from '../../parts/basic.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { me } from '../../session.ts'
import { clock, day } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Changed, NewLink } from '../../types.ts'
import { Said } from './inputs.tsx'

export const SECTIONS = ['operators', 'queues', 'users', 'crm', 'outbox'] as const
export type SectionName = (typeof SECTIONS)[number]

/** The parts of the set-up that a role may open. */
export function sectionsOf(role: string | undefined): readonly SectionName[] {
  if (role === 'admin') return SECTIONS
  return role === 'integrator' ? ['queues', 'crm', 'outbox'] : []
}

export function Frame(props: { section: SectionName; onReloaded: () => void; children: ComponentChildren }) {
  const role = me.value?.role
  const sections = sectionsOf(role)
  if (!sections.includes(props.section)) return <Empty title={t('error_forbidden')} />
  return (
    <div class="admin">
      <header class="board-head">
        <h1>{t('admin_title')} · {word('admin', props.section)}</h1>
        {sections.length > 1 && (
          <nav class="tabs" aria-label={t('admin_title')}>
            {sections.map((section) => (
              <a key={section} href={`/admin/${section}`} aria-current={section === props.section ? 'page' : undefined}>{word('admin', section)}</a>
            ))}
          </nav>
        )}
      </header>
      {props.children}
      {role === 'admin' && <Reload onDone={props.onReloaded} />}
    </div>
  )
}

/** Reads the file again. One with a mistake changes nothing, and every place of it is named. */
function Reload(props: { onDone: () => void }) {
  const [changed, setChanged] = useState<Changed | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  async function reload(): Promise<void> {
    setBusy(true)
    setFault(null)
    setChanged(null)
    try {
      setChanged(await api.reload())
      props.onDone()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }
  return (
    <section class="panel reload" aria-label={t('reload_title')}>
      <header>
        <h2>{t('reload_title')}</h2>
        <button type="button" disabled={isBusy} onClick={() => void reload()}>⟳ {t('reload_go')}</button>
      </header>
      <p class="hint">{t('reload_hint')}</p>
      {changed !== null && <ChangedNotice changed={changed} title={t('reload_done')} onClose={() => setChanged(null)} />}
      {fault !== null && <Refused fault={fault} title={t('reload_refused')} isWhole />}
    </section>
  )
}

/** Why nothing was changed; with `isWhole` every complaint, else those without a field of their own. */
export function Refused(props: { fault: Fault; title: string; isWhole?: boolean; fields?: Fault['fields'] }) {
  const fields = props.isWhole === true ? props.fault.fields : (props.fields ?? [])
  return (
    <div class="notice bad" role="alert">
      <strong>⚠ {props.title}</strong>
      {props.fault.fields.length === 0 && <span>{refusalText(props.fault)}</span>}
      <Said fields={fields} hasPlace />
    </div>
  )
}

/** What a change did: line by line, what to look at, what waits for a restart. */
export function ChangedNotice(props: { changed: Changed; title: string; onClose: () => void }) {
  const { changed, warnings, restart, live_calls } = props.changed
  const isNothing = changed.length === 0 && restart.length === 0
  return (
    <div class="changes" role="status">
      <p class="notice">
        <strong class="ok">✓ {props.title}</strong>
        {isNothing && <span>{t('changed_nothing')}</span>}
        {live_calls !== undefined && live_calls > 0 && <span>{t('changed_live', { n: live_calls })}</span>}
        <button type="button" class="quiet" onClick={props.onClose}>{t('close')}</button>
      </p>
      {changed.length > 0 && <pre tabIndex={0} aria-label={t('changed_lines')}>{changed.join('\n')}</pre>}
      {restart.length > 0 && (
        <div class="notice warn">
          <strong>▲ {t('changed_restart')}</strong>
          <ul>{restart.map((key) => <li key={key}><code>{key}</code></li>)}</ul>
        </div>
      )}
      {warnings.length > 0 && (
        <div class="notice warn">
          <strong>▲ {t('changed_warnings')}</strong>
          <Said fields={warnings} hasPlace />
        </div>
      )}
    </div>
  )
}

/** A link that sets a password. It is on the screen once: the server keeps only its hash. */
export function OneTimeLink(props: { login: string; made: NewLink; onClose: () => void }) {
  const at = Date.parse(props.made.expires_at)
  return (
    <section class="notice warn link" role="status" aria-label={t('link_title', { login: props.login })}>
      <strong>{t('link_title', { login: props.login })}</strong>
      <p>{t('link_once', { time: `${day(at)} ${clock(at)}` })}</p>
      <input readOnly aria-label={t('link_title', { login: props.login })} value={props.made.link} onFocus={(event) => event.currentTarget.select()} />
      <Copy text={props.made.link} />
      <button type="button" onClick={props.onClose}>{t('link_done')}</button>
    </section>
  )
}

/** Asks before something is taken away. */
export function RemoveDialog(props: { name: string; text: string; onClose: () => void; onRemove: () => void }) {
  return (
    <Dialog title={t('remove_title', { name: props.name })} onClose={props.onClose}>
      <p>{props.text}</p>
      <div class="acts">
        <button type="button" class="danger" onClick={props.onRemove}>{t('remove')}</button>
        <button type="button" onClick={props.onClose}>{t('cancel')}</button>
      </div>
    </Dialog>
  )
}

/** Where a thing stands: in the file, which is changed there, or in the pages. */
export function From(props: { from: string; at?: string | null | undefined }) {
  return (
    <>
      {word('from', props.from)}
      {props.at !== null && props.at !== undefined && <code class="block">{props.at}</code>}
    </>
  )
}
