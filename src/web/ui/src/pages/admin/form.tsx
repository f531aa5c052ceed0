// The form of one operator or queue. What stands in the file is shown and cannot be changed.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault, type ThingKind } from '../../api.ts'
import { useFetched } from '../../parts/fetched.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Changed, Thing } from '../../types.ts'
import { OPERATOR, QUEUE, saidElsewhere, saidOf, switchOf, toDraft, toSettings, type Draft, type Onward, type Spec, type Tier, type Value } from './fields.ts'
import { Refused } from './frame.tsx'
import { fieldText, Labelled, Overflow, SpecInput, Tiers } from './inputs.tsx'

interface Known {
  operators: readonly string[]
  queues: readonly string[]
}

/** Names to choose from, of those who may be asked by this role. */
async function known(): Promise<Known> {
  const [operators, board] = await Promise.all([api.operators(), api.things('queues')])
  return { operators: operators.items.map((one) => one.name), queues: board.items.map((one) => one.name) }
}

export function ThingForm(props: { kind: ThingKind; thing?: Thing; onSaved: (name: string, changed: Changed) => void }) {
  const { kind, thing } = props
  const specs = kind === 'operators' ? OPERATOR : QUEUE
  const [name, setName] = useState(thing?.name ?? '')
  const [draft, setDraft] = useState<Draft>(() => toDraft(specs, thing?.name ?? '', thing?.settings ?? {}))
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  const names = useFetched(known, [])
  const fields = fault?.fields ?? []
  const isFile = thing?.from === 'file'

  async function save(event: Event): Promise<void> {
    event.preventDefault()
    if (isFile) return
    setBusy(true)
    try {
      const settings = toSettings(specs, draft, thing?.settings ?? {})
      const changed = thing === undefined ? await api.addThing(kind, name.trim(), settings) : await api.putThing(kind, thing.name, settings)
      props.onSaved(thing?.name ?? name.trim(), changed)
    } catch (thrown) {
      setFault(asFault(thrown))
      setBusy(false)
      // The first complaint is shown, wherever on the long form it is.
      requestAnimationFrame(() => document.querySelector('.thing [aria-invalid], .thing .said, .thing .notice.bad')?.scrollIntoView({ block: 'center' }))
    }
  }

  const title = thing?.name ?? (kind === 'operators' ? t('operator_new') : t('queue_new'))
  return (
    <form class="panel thing" aria-label={title} noValidate onSubmit={(event) => void save(event)}>
      <header>
        <h2>{title}</h2>
        <a href={`/admin/${kind}`}>← {t('to_list')}</a>
      </header>
      {isFile && <p class="notice warn">{t('file_only', { at: thing.at ?? '' })}</p>}
      {fault !== null && <Refused fault={fault} title={fields.length === 0 ? t('refused') : plural('refused_fields', fields.length)} fields={saidElsewhere(fields, specs, ['name'])} />}
      <fieldset class="whole" disabled={isFile || isBusy} aria-label={title}>
        {thing === undefined && (
          <div class="grid">
            <Labelled label={t('col_name')} hint={kind === 'queues' ? t('hint_queue_name') : t('hint_operator_name')} said={saidOf(fields, 'name')} input={(aria) => (
              <input name="name" required value={name} autocomplete="off" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} {...aria} />
            )} />
          </div>
        )}
        {groupsOf(specs).map((group) => (
          <section key={group.title} aria-label={group.title === '' ? title : word('group', group.title)}>
            {group.title !== '' && <h3>{word('group', group.title)}</h3>}
            <div class="grid">
              {group.specs.map((spec) => (
                <One key={spec.path} spec={spec} specs={specs} draft={draft} name={name} known={names.value} fields={fields} onChange={(value) => setDraft({ ...draft, [spec.path]: value })} />
              ))}
            </div>
          </section>
        ))}
      </fieldset>
      {!isFile && (
        <div class="acts">
          <button type="submit" class="main" disabled={isBusy || name.trim() === ''}>{t('save')}</button>
          <a class="button" href={`/admin/${kind}`}>{t('cancel')}</a>
        </div>
      )}
    </form>
  )
}

interface Group {
  title: string
  specs: Spec[]
}

function groupsOf(specs: readonly Spec[]): readonly Group[] {
  const groups: Group[] = []
  for (const spec of specs) {
    if (spec.opens !== undefined || groups.length === 0) groups.push({ title: spec.opens ?? '', specs: [] })
    groups.at(-1)?.specs.push(spec)
  }
  return groups
}

interface OneProps {
  spec: Spec
  specs: readonly Spec[]
  draft: Draft
  name: string
  known: Known | null
  fields: Fault['fields']
  onChange: (value: Value) => void
}

function One(props: OneProps) {
  const { spec, draft, fields, onChange } = props
  const above = switchOf(props.specs, spec)
  if (above !== undefined && draft[above.path] !== true) return null
  // How many ring first matters to one strategy only.
  if (spec.path.startsWith('progressive.') && draft['strategy'] !== 'progressive') return null
  const value = draft[spec.path]
  if (typeof value === 'string' || typeof value === 'boolean') {
    const said = saidOf(fields, spec.path, spec.kind === 'lines' || spec.kind === 'pairs')
    return <SpecInput spec={spec} value={value} said={said} onChange={onChange} {...(spec.path === 'group' ? { usual: props.name } : {})} />
  }
  const shared = { fields, onChange }
  return (
    <fieldset class="wide">
      <legend>{fieldText(spec.path)}</legend>
      <p class="hint">{word('hint', spec.path)}</p>
      {spec.kind === 'tiers' ? (
        <Tiers tiers={(value ?? []) as readonly Tier[]} operators={props.known?.operators ?? []} {...shared} />
      ) : (
        <Overflow steps={(value ?? []) as readonly Onward[]} queues={props.known?.queues ?? []} {...shared} />
      )}
    </fieldset>
  )
}
