// The live board: the figures of the day, queues, operators, missed calls, providers.
import { useEffect } from 'preact/hooks'
import { api } from '../../api.ts'
import { ticking } from '../../clock.ts'
import { isStale, status } from '../../live/hub.ts'
import { board, boardFault, callsChanged, refresh, refreshProviders } from '../../live/store.ts'
import { Empty, FaultNotice, Panel, Since, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { LiveBadge } from '../../parts/shell.tsx'
import { bySorrow, IntentSign, isProblem, ProviderSign, ReachSign, since, WorkSign } from '../../parts/state.tsx'
import { Table, type Column } from '../../parts/table.tsx'
import { query } from '../../router.tsx'
import { clockExact, count, day, duration, isoDay, moment, provider as providerText, share } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Board, OperatorView, Provider, QueueView } from '../../types.ts'
import { BreakWords } from '../operator/presence.tsx'
import { MissedStats } from './stats.tsx'

export function BoardPage() {
  const isTv = query.value.get('tv') === '1'
  useWakeLock(isTv)
  useProviders()
  const { value } = board
  if (value === null) {
    return boardFault.value ? <FaultNotice fault={boardFault.value} onRetry={() => void refresh()} /> : <Skeleton lines={8} />
  }
  const now = ticking()
  const old = isStale() ? 'stale' : ''
  const body = (
    <>
      <header class="board-head">
        <h1>{t('board_title')}</h1>
        <time class="figure">{day(now)} {clockExact(now)}</time>
        {isTv ? <LiveBadge /> : <a class="button quiet" href="/board?tv=1">{t('board_tv')}</a>}
      </header>
      {boardFault.value !== null && <FaultNotice fault={boardFault.value} />}
      {value.today === null && <p class="notice warn" role="status">▲ {t('board_partial')}</p>}
      <Tiles board={value} />
      {isTv && <ProviderStrip providers={value.providers} />}
      <div class="board-grid">
        <div>
          <Queues queues={value.queues} />
          {!isTv && <MissedStats />}
        </div>
        <div>
          <Operators operators={value.operators} isTv={isTv} />
          {!isTv && <Providers providers={value.providers} />}
        </div>
      </div>
    </>
  )
  return isTv ? <main id="main" class={`board tv ${old}`}>{body}</main> : <div class={`board ${old}`}>{body}</div>
}

/** Keeps a TV from going dark, where the browser lets us. */
function useWakeLock(isTv: boolean): void {
  useEffect(() => {
    if (!isTv || !('wakeLock' in navigator)) return
    let lock: WakeLockSentinel | null = null
    const take = (): void => {
      if (document.visibilityState === 'visible') {
        navigator.wakeLock.request('screen').then((got) => (lock = got), () => {})
      }
    }
    take()
    document.addEventListener('visibilitychange', take)
    return () => {
      document.removeEventListener('visibilitychange', take)
      void lock?.release()
    }
  }, [isTv])
}

/** How often the board asks how the providers are, in milliseconds; more often tells little more. */
const PROVIDERS_EVERY = 20_000

function useProviders(): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (status.value.is === 'live') void refreshProviders()
    }, PROVIDERS_EVERY)
    return () => clearInterval(timer)
  }, [])
}

function Tiles(props: { board: Board }) {
  const { queues, today, open_episodes, oldest_episode_at, day_start } = props.board
  const level = useFetched(() => api.stats('service-level', { from: day_start }), [day_start, callsChanged.value])
  const waiting = queues.reduce((sum, queue) => sum + queue.waiting, 0)
  const longest = queues.map((queue) => queue.longest_since).filter((at) => at !== null).sort()[0]
  const missedShare = today !== null && today.offered > 0 ? today.missed / today.offered : null
  const figure = (n: number | null | undefined): string => (n === null || n === undefined ? t('none') : count(n))
  const dayFilter = `day=${isoDay(Date.parse(day_start))}`
  const formula = level.value && t('level_formula', {
    target: t('seconds_short', { n: level.value.target_seconds }),
    short: t('seconds_short', { n: level.value.short_seconds }),
  })
  const oldest = moment(oldest_episode_at)
  return (
    <div class="tiles">
      <Tile title={t('tile_waiting')} value={count(waiting)} tone={waiting > 0 ? 'ring' : ''} />
      <Tile title={t('tile_longest')} value={longest === undefined ? t('none') : <Since at={longest} />} />
      <Tile title={t('tile_open')} value={figure(open_episodes)} tone={open_episodes === null ? '' : open_episodes > 0 ? 'bad' : 'ok'} href="/missed"
        note={oldest === null ? undefined : t('tile_oldest', { time: duration((ticking() - oldest) / 1000) })} />
      <Tile title={t('tile_today')} value={figure(today?.offered)} href={`/calls?direction=in&${dayFilter}`} />
      <Tile title={t('tile_answered')} value={figure(today?.answered)} href={`/calls?direction=in&disposition=answered&${dayFilter}`} />
      <Tile title={t('tile_missed')} value={figure(today?.missed)} tone={(today?.missed ?? 0) > 0 ? 'bad' : ''} href={`/calls?missed=true&${dayFilter}`}
        note={missedShare === null ? undefined : share(missedShare)} />
      <Tile title={t('tile_level')} value={share(today?.service_level)} hint={formula ?? undefined}
        note={level.value ? t('seconds_short', { n: level.value.target_seconds }) : undefined} />
    </div>
  )
}

function Tile(props: {
  title: string
  value: preact.ComponentChildren
  tone?: string
  href?: string
  note?: string | undefined
  hint?: string | undefined
}) {
  const body = (
    <>
      <span class="title">{props.title}</span>
      <span class={`value ${props.tone ?? ''}`}>{props.value}</span>
      <span class="note">{props.note ?? ' '}</span>
    </>
  )
  if (props.href !== undefined) return <a class="tile" href={props.href}>{body}</a>
  if (props.hint === undefined) return <div class="tile">{body}</div>
  return (
    <details class="tile">
      <summary>{body}</summary>
      <p class="formula">{props.hint}</p>
    </details>
  )
}

function Queues(props: { queues: readonly QueueView[] }) {
  return (
    <Panel title={t('board_queues')} id="queues">
      {props.queues.length === 0 ? (
        <Empty title={t('board_no_queues')} />
      ) : (
        <Table
          caption={t('board_queues')}
          rows={props.queues}
          rowKey={(queue) => queue.name}
          columns={[
            {
              title: t('col_queue'),
              isHead: true,
              cell: (queue) => (
                <>
                  {queue.name} {!queue.open && <Tag>{t('queue_closed')}</Tag>}
                  {queue.members === 1 && <span class="hint block">⚠ {t('queue_one')}</span>}
                </>
              ),
            },
            { title: t('col_waiting'), isFigure: true, cell: (queue) => count(queue.waiting) },
            { title: t('col_longest'), isFigure: true, cell: (queue) => <Since at={queue.longest_since} /> },
            { title: t('col_ready'), isFigure: true, cell: (queue) => count(queue.ready) },
            { title: t('col_signed_in'), isFigure: true, cell: (queue) => `${queue.signed_in}/${queue.members}` },
            { title: t('col_strategy'), cell: (queue) => <span class="hint">{word('strategy', queue.strategy)}</span> },
          ]}
        />
      )}
    </Panel>
  )
}

/** On a television only what must be seen from across the room: a telephone that is missing. */
function Operators(props: { operators: readonly OperatorView[]; isTv: boolean }) {
  const now = ticking()
  const reach: Column<OperatorView> = { title: t('col_reach'), cell: (operator) => <ReachSign reach={operator.reach} /> }
  const sorted = [...props.operators].sort(bySorrow(now))
  return (
    <Panel title={t('board_operators')} id="operators">
      {sorted.length === 0 ? (
        <Empty title={t('board_no_operators')} />
      ) : (
        <Table
          caption={t('board_operators')}
          rows={sorted}
          rowKey={(operator) => operator.name}
          rowClass={(operator) => (isProblem(operator, now) ? 'problem' : undefined)}
          columns={[
            { title: t('col_operator'), isHead: true, cell: (operator) => operator.name },
            {
              title: t('col_intent'),
              cell: (operator) => (
                <>
                  <IntentSign intent={operator.intent} /> <BreakWords intent={operator.intent} />
                  {props.isTv && operator.reach === 'unreachable' && <> <ReachSign reach="unreachable" /></>}
                </>
              ),
            },
            { title: t('col_work'), cell: (operator) => <WorkSign work={operator.work.is} /> },
            { title: t('col_since'), isFigure: true, cell: (operator) => <Since at={since(operator)} /> },
            ...(props.isTv ? [] : [reach]),
          ]}
        />
      )}
    </Panel>
  )
}

const PROVIDER_ORDER: readonly Provider['state'][] = ['down', 'degraded', 'ok', 'not_configured']

/** Whatever must be mended first. */
function brokenFirst(providers: readonly Provider[]): readonly Provider[] {
  const rank = (provider: Provider): number => PROVIDER_ORDER.indexOf(provider.state)
  return [...providers].sort((a, b) => rank(a) - rank(b) || a.account.localeCompare(b.account))
}

/** One line across a television: every provider and its state in words. */
function ProviderStrip(props: { providers: readonly Provider[] }) {
  if (props.providers.length === 0) return null
  return (
    <section class="provider-strip" aria-label={t('board_providers')}>
      <ul>
        {brokenFirst(props.providers).map((provider) => (
          <li key={provider.account}>
            <strong>{providerText(provider.kind, provider.account)}</strong> <ProviderSign state={provider.state} />
            {provider.state !== 'ok' && provider.state !== 'not_configured' && <> <News provider={provider} /></>}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Providers(props: { providers: readonly Provider[] }) {
  const sorted = brokenFirst(props.providers)
  return (
    <Panel title={t('board_providers')} id="providers">
      {sorted.length === 0 && <Empty title={t('board_no_providers')} />}
      <ul class="providers">
        {sorted.map((provider) => (
          <li key={provider.account}>
            <strong>{providerText(provider.kind, provider.account)}</strong> <ProviderSign state={provider.state} />
            <News provider={provider} />
            {provider.kind !== TRUNK && (
              <span class="hint block">
                {t('provider_counts', {
                  received: count(provider.received),
                  duplicates: count(provider.duplicates),
                  unknown: count(provider.unknown),
                  undecodable: count(provider.undecodable),
                })}
              </span>
            )}
            {provider.unknown_operators.length > 0 && (
              <span class="block warn-text">▲ {t('provider_unknown_operators', { names: provider.unknown_operators.join(', ') })}</span>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** The kind of a trunk, which sends no events: it is registered or it is not. */
const TRUNK = 'sip'

/** What was heard last: an event some time ago, or how a trunk answered. */
function News(props: { provider: Provider }) {
  const { kind, why, last_event_at } = props.provider
  const at = moment(last_event_at)
  if (kind === TRUNK) return why ? <span class="hint">{word('trunk', why)}</span> : null
  if (at === null) return <span class="hint">{t('provider_never')}</span>
  return <span class="hint">{t('provider_silent', { time: duration((ticking() - at) / 1000) })}</span>
}
