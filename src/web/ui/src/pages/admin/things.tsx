// Operators and queues: the list, and making, changing and taking away what is not in the file.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault, type ThingKind } from '../../api.ts'
import { Empty, FaultNotice, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Table, type Column } from '../../parts/table.tsx'
import { go, query } from '../../router.tsx'
import { me } from '../../session.ts'
import { t, word } from '../../text/index.ts'
import type { Changed, Json, NewLink, Thing } from '../../types.ts'
import { ThingForm } from './form.tsx'
import { ChangedNotice, Frame, From, OneTimeLink, Refused, RemoveDialog } from './frame.tsx'

interface Told {
  title: string
  changed: Changed
}

export function ThingsPage(props: { kind: ThingKind }) {
  const { kind } = props
  const list = useFetched(() => api.things(kind), [kind])
  const [told, setTold] = useState<Told | null>(null)
  const things = list.value?.items ?? []
  const [edited, isNew] = [query.value.get('edit'), query.value.get('new') === '1']
  const thing = edited === null ? undefined : things.find((one) => one.name === edited)

  function saved(name: string, changed: Changed): void {
    setTold({ title: t('saved', { name }), changed })
    list.again()
    go(`/admin/${kind}`)
  }

  if (list.value !== null && (isNew || thing !== undefined)) {
    return (
      <Frame section={kind} onReloaded={list.again}>
        <ThingForm key={edited ?? ''} kind={kind} {...(thing === undefined ? {} : { thing })} onSaved={saved} />
      </Frame>
    )
  }
  return (
    <Frame section={kind} onReloaded={list.again}>
      {told !== null && <ChangedNotice changed={told.changed} title={told.title} onClose={() => setTold(null)} />}
      <p class="acts"><a class="button" href={`/admin/${kind}?new=1`}>+ {kind === 'operators' ? t('operator_new') : t('queue_new')}</a></p>
      {list.fault !== null && <FaultNotice fault={list.fault} onRetry={list.again} />}
      {list.value === null && list.fault === null && <Skeleton lines={5} />}
      {list.value !== null && edited !== null && <p class="notice warn" role="status">{t('thing_gone', { name: edited })}</p>}
      {list.value !== null && things.length === 0 && <Empty title={kind === 'operators' ? t('operators_none') : t('queues_none')} />}
      {things.length > 0 && (
        <Things kind={kind} things={things} onChanged={(title, changed) => {
          setTold({ title, changed })
          list.again()
        }} />
      )}
    </Frame>
  )
}

type OnChanged = (title: string, changed: Changed) => void

function Things(props: { kind: ThingKind; things: readonly Thing[]; onChanged: OnChanged }) {
  const { kind, things } = props
  const own = kind === 'operators' ? operatorColumns() : queueColumns()
  return (
    <Table
      caption={word('admin', kind)}
      rows={things}
      rowKey={(one) => one.name}
      columns={[
        { title: t('col_name'), isHead: true, cell: (one) => <>{one.name} {isOff(one) && <Tag>{t('intent_disabled')}</Tag>}</> },
        ...own,
        { title: t('col_from_where'), cell: (one) => <From from={one.from} at={one.at} /> },
        { title: t('missed_actions'), isWide: true, cell: (one) => <ThingActs kind={kind} thing={one} onChanged={props.onChanged} /> },
      ]}
    />
  )
}

const isOff = (thing: Thing): boolean => thing.settings['disabled'] === true
const text = (value: Json | undefined): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : t('none'))
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])

function operatorColumns(): readonly Column<Thing>[] {
  return [
    { title: t('login_name'), cell: (one) => text(one.settings['login']) },
    { title: t('field_aliases'), cell: (one) => listOf(one.settings['aliases']).map(text).join(', ') || t('none') },
    { title: t('field_ready'), cell: (one) => word('option', text(one.settings['ready'])) },
  ]
}

function queueColumns(): readonly Column<Thing>[] {
  const members = (one: Thing): number =>
    listOf(one.settings['tiers']).reduce<number>((sum, tier) => {
      const seats = typeof tier === 'object' && tier !== null && !Array.isArray(tier) ? tier['members'] : undefined
      return sum + listOf(seats).length
    }, 0)
  return [
    { title: t('col_strategy'), cell: (one) => word('strategy', text(one.settings['strategy'])) },
    { title: t('board_operators'), isFigure: true, cell: members },
    { title: t('field_ring'), isFigure: true, cell: (one) => text(one.settings['ring']) },
    { title: t('field_wait_max'), isFigure: true, cell: (one) => text(one.settings['wait_max']) },
  ]
}

function ThingActs(props: { kind: ThingKind; thing: Thing; onChanged: OnChanged }) {
  const { kind, thing } = props
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const [made, setMade] = useState<NewLink | null>(null)
  const login = kind === 'operators' && typeof thing.settings['login'] === 'string' ? thing.settings['login'] : null

  async function act<R>(doing: Promise<R>, done: (result: R) => void): Promise<void> {
    setRemoving(false)
    setBusy(true)
    setFault(null)
    try {
      done(await doing)
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }

  const off = isOff(thing)
  const address = `/admin/${kind}?edit=${encodeURIComponent(thing.name)}`
  return (
    <div class="acts">
      <a class="button" href={address} data-row>{thing.from === 'file' ? t('view') : t('edit')}</a>
      {thing.from !== 'file' && kind === 'operators' && (
        <button type="button" disabled={isBusy} onClick={() => void act(api.disableOperator(thing.name, !off), (changed) => props.onChanged(t('saved', { name: thing.name }), changed))}>
          {off ? t('enable') : t('disable')}
        </button>
      )}
      {login !== null && me.value?.role === 'admin' && (
        <button type="button" disabled={isBusy} onClick={() => void act(api.linkUser(login), setMade)}>{t('link_make')}</button>
      )}
      {thing.from !== 'file' && <button type="button" disabled={isBusy} onClick={() => setRemoving(true)}>{t('remove')}</button>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
      {made !== null && login !== null && <OneTimeLink login={login} made={made} onClose={() => setMade(null)} />}
      {isRemoving && (
        <RemoveDialog
          name={thing.name}
          text={kind === 'operators' ? t('operator_remove') : t('queue_remove')}
          onClose={() => setRemoving(false)}
          onRemove={() => void act(api.removeThing(kind, thing.name), (changed) => props.onChanged(t('removed', { name: thing.name }), changed))}
        />
      )}
    </div>
  )
}
