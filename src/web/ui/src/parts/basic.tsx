// Small parts that every page uses: notices, tags, timers, numbers, empty and waiting states.
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Fault } from '../api.ts'
import { serverNow, ticking } from '../clock.ts'
import { duration, moment, phone } from '../text/format.ts'
import { t } from '../text/index.ts'
import type { Phone as PhoneValue } from '../types.ts'

export type Tone = 'ok' | 'ring' | 'warn' | 'bad' | 'mut'

/** A word with a shape and a colour; the colour is never the only sign. */
export function Sign(props: { tone: Tone; shape: string; children: ComponentChildren }) {
  return (
    <span class={`sign ${props.tone}`}>
      <span class="shape" aria-hidden="true">{props.shape}</span>
      <span>{props.children}</span>
    </span>
  )
}

export function Tag(props: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`tag ${props.tone ?? 'mut'}`}>{props.children}</span>
}

/** The time since a moment of the server, running. */
export function Since(props: { at: string | null | undefined }) {
  const at = moment(props.at)
  if (at === null) return <span>{t('none')}</span>
  return <time class="figure">{duration((ticking() - at) / 1000)}</time>
}

/** The time left until a moment of the server, running down to nothing. */
export function useLeft(at: string | null | undefined): string {
  const end = moment(at)
  return duration(end === null ? 0 : Math.ceil((end - ticking()) / 1000))
}

/** A telephone number as this reader may see it; a whole one can be dialled. */
export function Phone(props: { value: PhoneValue | null; kind?: string | null; link?: boolean }) {
  const text = phone(props.value, props.kind)
  const isGuessed = props.kind === 'guessed'
  const shown = (
    <>
      <span class="phone">{text}</span>
      {isGuessed && <span class="hint"> ({t('number_guessed')})</span>}
    </>
  )
  if (props.link === true && typeof props.value === 'string') {
    return <a class="plain" href={`tel:${props.value}`}>{shown}</a>
  }
  return shown
}

/** Copies a text; works on a page without HTTPS too. */
export function Copy(props: { text: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <button type="button" class="quiet" onClick={() => void copy(props.text).then(setDone)}>
      {done ? t('copied') : t('copy')}
    </button>
  )
}

async function copy(text: string): Promise<boolean> {
  if (isSecureContext) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      return false
    }
  }
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  return isCopied
}

/** What went wrong, what still works, what to do. */
export function FaultNotice(props: { fault: Fault; onRetry?: () => void }) {
  const { fault } = props
  return (
    <section class="notice bad" role="alert">
      <strong>⚠ {t('error_title')}</strong>
      <p>{faultText(fault)}</p>
      {fault.trace !== null && (
        <p class="hint">
          {t('error_trace', { trace: fault.trace })} <Copy text={fault.trace} />
        </p>
      )}
      {props.onRetry && (
        <button type="button" onClick={props.onRetry}>{t('retry')}</button>
      )}
    </section>
  )
}

/** The sentence for a fault. */
export function faultText(fault: Fault): string {
  if (fault.status === 0) return t('error_network')
  if (fault.status === 403) return t('error_forbidden')
  if (fault.status === 404) return t('error_not_found')
  if (fault.status === 429) return t('error_busy')
  if (fault.status >= 500) return t('error_server')
  return t('error_refused', { why: fault.message || fault.code })
}

/** The same where the server's own sentence says more: what conflicts, and with whom. */
export const refusalText = (fault: Fault): string => (fault.status === 409 && fault.message !== '' ? fault.message : faultText(fault))

export function Empty(props: { title: string; next?: string }) {
  return (
    <div class="empty">
      <strong>{props.title}</strong>
      {props.next !== undefined && <p>{props.next}</p>}
    </div>
  )
}

/** Grey lines where something will be; not before a moment has passed, so nothing flickers. */
export function Skeleton(props: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label={t('loading')}>
      {Array.from({ length: props.lines ?? 3 }, (_, at) => <span key={at} />)}
    </div>
  )
}

/** A box with a heading. */
export function Panel(props: { title: string; aside?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="panel" aria-label={props.title} id={props.id}>
      <header>
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  )
}

export interface Option {
  value: string
  label: string
}

/** A labelled list to choose from. */
export function Choose(props: { label: string; value: string; options: readonly Option[]; onChange: (value: string) => void; name: string }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select name={props.name} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {props.options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === props.value}>{option.label}</option>
        ))}
      </select>
    </label>
  )
}

/** A labelled input. */
export function Field(props: { label: string } & JSX.IntrinsicElements['input']) {
  const { label, ...input } = props
  return (
    <label class="field">
      <span>{label}</span>
      <input {...input} />
    </label>
  )
}

/** Whether a moment of the server is past. */
export const isPast = (at: string | null): boolean => at !== null && Date.parse(at) < serverNow()
