// The inputs of a form: a label, what holds without it, and beside it what the server said.
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { t, word } from '../../text/index.ts'
import type { FieldText } from '../../types.ts'
import { saidOf, type Onward, type Seat, type Spec, type Tier } from './fields.ts'

/** What the server said of one field. */
export function Said(props: { id?: string; fields: readonly FieldText[]; hasPlace?: boolean }) {
  if (props.fields.length === 0) return null
  return (
    <span class="said bad-text" id={props.id}>
      {props.fields.map((one) => (
        <span key={one.field + one.message} class="block">⚠ {props.hasPlace === true && one.field !== '' && <code>{one.field}</code>} {one.message}</span>
      ))}
    </span>
  )
}

/** The name of a field in the texts. */
export const fieldText = (path: string): string => word('field', path.replaceAll('.', '_'))

interface Common {
  label: string
  hint?: string | undefined
  said: readonly FieldText[]
  /** What joins input, hint and complaint for a screen reader. */
  input: (aria: { 'aria-describedby'?: string; 'aria-invalid'?: true }) => ComponentChildren
  isCheck?: boolean
}

export function Labelled(props: Common) {
  const id = useId()
  const [hint, said] = [props.hint === undefined ? '' : `${id}-hint`, props.said.length === 0 ? '' : `${id}-said`]
  const by = [hint, said].filter((one) => one !== '').join(' ')
  const aria = {
    ...(by === '' ? {} : { 'aria-describedby': by }),
    ...(said === '' ? {} : { 'aria-invalid': true as const }),
  }
  return (
    <div class="labelled">
      <label class={props.isCheck === true ? 'check' : 'field'}>
        {props.isCheck === true && props.input(aria)}
        <span>{props.label}</span>
        {props.isCheck !== true && props.input(aria)}
      </label>
      {hint !== '' && <span class="hint block" id={hint}>{props.hint}</span>}
      <Said {...(said === '' ? {} : { id: said })} fields={props.said} />
    </div>
  )
}

/** One field of a specification whose value is text or truth. */
export function SpecInput(props: { spec: Spec; value: string | boolean; said: readonly FieldText[]; usual?: string; onChange: (value: string | boolean) => void }) {
  const { spec, value, onChange } = props
  const hint = spec.hasHint === true ? word('hint', spec.path.replaceAll('.', '_')) : undefined
  const label = fieldText(spec.path)
  const common = { label, hint, said: props.said }
  switch (spec.kind) {
    case 'check':
    case 'switch':
      return (
        <Labelled {...common} isCheck input={(aria) => (
          <input type="checkbox" name={spec.path} checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} {...aria} />
        )} />
      )
    case 'choose':
      return (
        <Labelled {...common} input={(aria) => (
          <select name={spec.path} value={String(value)} onChange={(event) => onChange(event.currentTarget.value)} {...aria}>
            {optionsOf(spec, String(value)).map((option) => (
              <option key={option} value={option} selected={option === value}>{word(spec.path === 'strategy' ? 'strategy' : 'option', option)}</option>
            ))}
          </select>
        )} />
      )
    case 'lines':
    case 'pairs':
      return (
        <Labelled {...common} input={(aria) => (
          <textarea name={spec.path} rows={Math.min(8, Math.max(2, String(value).split('\n').length))} spellcheck={false} value={String(value)} onInput={(event) => onChange(event.currentTarget.value)} {...aria} />
        )} />
      )
    case 'text':
    case 'length':
    case 'number':
      return (
        <Labelled {...common} input={(aria) => (
          <input
            name={spec.path}
            value={String(value)}
            placeholder={props.usual ?? (typeof spec.usual === 'string' ? spec.usual : '')}
            inputMode={spec.kind === 'number' ? 'numeric' : undefined}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => onChange(event.currentTarget.value)}
            {...aria}
          />
        )} />
      )
    case 'tiers':
    case 'overflow':
      return null
  }
}

/** A word of a newer server stays chosen until somebody chooses another. */
const optionsOf = (spec: Spec, value: string): readonly string[] =>
  spec.options?.includes(value) === true ? spec.options : [value, ...(spec.options ?? [])]

const changed = <V,>(list: readonly V[], at: number, one: V): readonly V[] => list.map((old, index) => (index === at ? one : old))
const without = <V,>(list: readonly V[], at: number): readonly V[] => list.filter((_, index) => index !== at)

/** Who is asked, and from when of a caller's wait. The order of the members counts. */
export function Tiers(props: { tiers: readonly Tier[]; operators: readonly string[]; fields: readonly FieldText[]; onChange: (tiers: readonly Tier[]) => void }) {
  const { tiers, fields, onChange } = props
  const fresh: Tier = { after: tiers.length === 0 ? '' : '15s', members: [] }
  return (
    <div class="steps">
      <Said fields={saidOf(fields, 'tiers')} />
      {tiers.map((tier, at) => (
        <fieldset key={at}>
          <legend>{t('tier_title', { n: at + 1 })}</legend>
          <Said fields={saidOf(fields, `tiers[${at}]`)} />
          <Labelled label={t('tier_after')} said={saidOf(fields, `tiers[${at}].after`)} input={(aria) => (
            <input name={`tiers[${at}].after`} value={tier.after} placeholder="0s" autocomplete="off" onInput={(event) => onChange(changed(tiers, at, { ...tier, after: event.currentTarget.value }))} {...aria} />
          )} />
          <Seats path={`tiers[${at}].members`} tier={at} seats={tier.members} operators={props.operators} fields={fields} onChange={(members) => onChange(changed(tiers, at, { ...tier, members }))} />
          <button type="button" class="quiet" onClick={() => onChange(without(tiers, at))}>✕ {t('tier_remove')}</button>
        </fieldset>
      ))}
      <button type="button" onClick={() => onChange([...tiers, fresh])}>+ {t('tier_add')}</button>
    </div>
  )
}

function Seats(props: { path: string; tier: number; seats: readonly Seat[]; operators: readonly string[]; fields: readonly FieldText[]; onChange: (seats: readonly Seat[]) => void }) {
  const { seats, fields, onChange, path } = props
  const free = props.operators.filter((name) => !seats.some((seat) => seat.name === name))
  return (
    <>
      <Said fields={saidOf(fields, path)} />
      <ol class="seats">
        {seats.map((seat, at) => (
          <li key={seat.name}>
            <span class="name">{seat.name}</span>
            <label class="field weight">
              <span class="unseen">{t('seat_weight', { name: seat.name })}</span>
              <input name={`${path}[${at}].weight`} inputMode="numeric" value={seat.weight} placeholder="10" title={t('seat_weight', { name: seat.name })} onInput={(event) => onChange(changed(seats, at, { ...seat, weight: event.currentTarget.value }))} />
            </label>
            <button type="button" class="quiet" disabled={at === 0} aria-label={t('seat_up', { name: seat.name })} onClick={() => onChange(moved(seats, at))}>↑</button>
            <button type="button" class="quiet" aria-label={t('seat_remove', { name: seat.name })} onClick={() => onChange(without(seats, at))}>✕</button>
            <Said fields={saidOf(fields, `${path}[${at}]`, true)} />
          </li>
        ))}
      </ol>
      {free.length > 0 && (
        <label class="field">
          <span>{t('seat_add', { n: props.tier + 1 })}</span>
          <select
            name={path}
            value=""
            onChange={(event) => {
              const name = event.currentTarget.value
              event.currentTarget.value = ''
              if (name !== '') onChange([...seats, { name, weight: '' }])
            }}
          >
            <option value="">{t('seat_choose')}</option>
            {free.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
      )}
    </>
  )
}

function moved(seats: readonly Seat[], at: number): readonly Seat[] {
  const [one, before] = [seats[at], seats[at - 1]]
  if (one === undefined || before === undefined) return seats
  return [...seats.slice(0, at - 1), one, before, ...seats.slice(at + 1)]
}

const PLACES = ['callback', 'voicemail', 'end', 'queue', 'dial'] as const

/** Where a caller goes who has waited too long. */
export function Overflow(props: { steps: readonly Onward[]; queues: readonly string[]; fields: readonly FieldText[]; onChange: (steps: readonly Onward[]) => void }) {
  const { steps, fields, onChange } = props
  return (
    <div class="steps">
      <Said fields={saidOf(fields, 'overflow')} />
      {steps.map((step, at) => {
        const [place = '', ...rest] = step.to.split(':')
        const target = rest.join(':')
        const set = (to: string): void => onChange(changed(steps, at, { ...step, to }))
        return (
          <fieldset key={at} class="line">
            <legend>{t('overflow_title', { n: at + 1 })}</legend>
            <Said fields={saidOf(fields, `overflow[${at}]`)} />
            <Labelled label={t('tier_after')} said={saidOf(fields, `overflow[${at}].after`)} input={(aria) => (
              <input name={`overflow[${at}].after`} value={step.after} placeholder="3m" autocomplete="off" onInput={(event) => onChange(changed(steps, at, { ...step, after: event.currentTarget.value }))} {...aria} />
            )} />
            <Labelled label={t('overflow_to')} said={saidOf(fields, `overflow[${at}].to`)} input={(aria) => (
              <select name={`overflow[${at}].to`} value={place} onChange={(event) => set(['queue', 'dial'].includes(event.currentTarget.value) ? `${event.currentTarget.value}:` : event.currentTarget.value)} {...aria}>
                {PLACES.map((one) => <option key={one} value={one} selected={one === place}>{word('onward', one)}</option>)}
              </select>
            )} />
            {place === 'queue' && (
              <Labelled label={t('missed_queue')} said={[]} input={() => (
                <select value={target} onChange={(event) => set(`queue:${event.currentTarget.value}`)}>
                  {['', ...props.queues].map((name) => <option key={name} value={name} selected={name === target}>{name === '' ? t('seat_choose') : name}</option>)}
                </select>
              )} />
            )}
            {place === 'dial' && (
              <Labelled label={t('missed_number')} said={[]} input={() => (
                <input inputMode="tel" placeholder="+998…" value={target} onInput={(event) => set(`dial:${event.currentTarget.value.replaceAll(' ', '')}`)} />
              )} />
            )}
            <button type="button" class="quiet" onClick={() => onChange(without(steps, at))}>✕ {t('overflow_remove')}</button>
          </fieldset>
        )
      })}
      <button type="button" onClick={() => onChange([...steps, { after: '', to: 'callback' }])}>+ {t('overflow_add')}</button>
    </div>
  )
}
