// The operator's panel: presence, the card, today's figures, tasks and last calls.
import { api } from '../../api.ts'
import { serverNow } from '../../clock.ts'
import { board, boardFault, callsChanged, episodesChanged, refresh, self } from '../../live/store.ts'
import { Empty, FaultNotice, Panel, Phone, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { DispositionSign } from '../../parts/state.tsx'
import { me } from '../../session.ts'
import { clock, count, duration, when } from '../../text/format.ts'
import { plural, t } from '../../text/index.ts'
import type { Episode, OperatorView } from '../../types.ts'
import { CardPlace } from './card.tsx'
import { Presence } from './presence.tsx'

export function PanelPage() {
  const operator = self.value
  if (me.value?.operator === null) return <Empty title={t('presence_none')} />
  if (operator === null) {
    return boardFault.value ? <FaultNotice fault={boardFault.value} onRetry={() => void refresh()} /> : <Skeleton lines={6} />
  }
  return <Ready operator={operator} />
}

/** One's own tasks and, so that the card can tell of them, those nobody has taken. */
async function tasksInSight(): Promise<Episode[]> {
  const [open, nobodys] = await Promise.all([api.missed({ state: 'open' }), api.missed({ state: 'unassigned' })])
  const known = new Set(open.items.map((one) => one.id))
  return [...open.items, ...nobodys.items.filter((one) => !known.has(one.id))]
}

function Ready(props: { operator: OperatorView }) {
  const { operator } = props
  const open = useFetched(tasksInSight, [operator.name, episodesChanged.value])
  const episodes = open.value ?? []
  return (
    <div class="panel-page">
      <h1 class="unseen">{t('panel_title')}</h1>
      <Presence operator={operator} />
      <CardPlace operator={operator} episodes={episodes} />
      <div class="columns">
        <Day name={operator.name} />
        <Tasks episodes={episodes.filter((one) => one.owner === operator.name)} />
        <Recent name={operator.name} />
      </div>
      <p class="hint narrow-only">{t('phone_sleeps')}</p>
    </div>
  )
}

function Day(props: { name: string }) {
  const from = board.value?.day_start
  const stats = useFetched(
    () => api.stats('answered', { by: 'operator', from }),
    [from, callsChanged.value],
  )
  const mine = stats.value?.items.find((row) => row.key === props.name)
  const missed = mine === undefined ? 0 : (mine.no_answer ?? 0) + (mine.rejected ?? 0) + (mine.unreachable ?? 0)
  const figures: readonly (readonly [string, number, string])[] = [
    [t('panel_won'), mine?.won ?? 0, 'ok'],
    [t('panel_missed'), missed, missed > 0 ? 'bad' : ''],
    [t('panel_rung'), mine?.rung ?? 0, ''],
  ]
  return (
    <Panel title={t('panel_day')}>
      <dl class="day">
        {figures.map(([title, value, tone]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd class={tone}>{stats.value === null ? t('none') : count(value)}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

function Tasks(props: { episodes: readonly Episode[] }) {
  return (
    <Panel title={t('panel_tasks')} aside={<a href="/missed">{t('nav_missed')}</a>}>
      {props.episodes.length === 0 ? (
        <p class="hint">{t('panel_tasks_none')}</p>
      ) : (
        <ul class="rows">
          {props.episodes.slice(0, 6).map((one) => (
            <li key={one.id}>
              <Phone value={one.client} link />
              <span class="hint">{plural('missed_calls', one.count)}</span>
              {one.due_at !== null && (
                <Tag tone={one.overdue === true ? 'bad' : 'mut'}>⏰ {clock(Date.parse(one.due_at))}</Tag>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Recent(props: { name: string }) {
  const calls = useFetched(() => api.calls({ operator: props.name, limit: 8 }), [props.name, callsChanged.value])
  return (
    <Panel title={t('panel_recent')} aside={<a href="/calls">{t('nav_calls')}</a>}>
      {calls.value === null && calls.fault === null && <Skeleton />}
      {calls.fault !== null && calls.value === null && <FaultNotice fault={calls.fault} onRetry={calls.again} />}
      {calls.value?.items.length === 0 && <p class="hint">{t('panel_recent_none')}</p>}
      <ul class="rows">
        {calls.value?.items.map((call) => (
          <li key={call.id}>
            <a class="plain" href={`/calls/${call.id}`}>
              <time>{when(Date.parse(call.started_at), serverNow())}</time> <Phone value={call.client_e164} kind={call.client_kind} />
            </a>
            <span class="hint figure">{call.talk_seconds === null ? '' : duration(call.talk_seconds)}</span>
            <DispositionSign call={call} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}
