// One call: what became of it, why, and everything that is stored about it.
import { api } from '../../api.ts'
import { callsChanged } from '../../live/store.ts'
import { FaultNotice, Panel, Phone, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { DispositionSign } from '../../parts/state.tsx'
import { Table } from '../../parts/table.tsx'
import { path } from '../../router.tsx'
import { me } from '../../session.ts'
import { clockExact, day, duration, provider } from '../../text/format.ts'
import { language, t, word } from '../../text/index.ts'
import type { Call, CallDetail, Decision } from '../../types.ts'
import { ResultForm } from '../operator/wrap.tsx'

export function CallPage() {
  const id = decodeURIComponent(path.value.split('/')[2] ?? '')
  const detail = useFetched(() => api.call(id), [id, callsChanged.value])
  if (detail.value === null) {
    return detail.fault === null ? <Skeleton lines={8} /> : <FaultNotice fault={detail.fault} onRetry={detail.again} />
  }
  return <Detail detail={detail.value} />
}

const at = (text: string | null): string => (text === null ? t('none') : clockExact(Date.parse(text)))
const long = (seconds: number | null | undefined): string =>
  seconds === null || seconds === undefined ? t('none') : duration(seconds)

function Detail(props: { detail: CallDetail }) {
  const { call, entries, offers, talks, stages, deliveries, raw, decisions } = props.detail
  return (
    <div class="call-page">
      <h1>{t('call_title')} · <Phone value={call.client_e164} kind={call.client_kind} /> <DispositionSign call={call} /></h1>
      <Why id={call.id} revision={call.ended_at ?? ''} />
      <Facts call={call} />
      {notesResult() && call.ended_at !== null && (
        <Panel title={t('call_result')}>
          <ResultForm key={call.id} call={call.id} noted={call.result} />
        </Panel>
      )}
      {entries.length > 0 && (
        <Panel title={t('call_entries')}>
          <Table
            caption={t('call_entries')}
            rows={entries}
            rowKey={(entry) => entry.id}
            columns={[
              { title: t('col_queue'), isHead: true, cell: (entry) => entry.queue },
              { title: t('col_from'), isFigure: true, cell: (entry) => at(entry.enqueued_at) },
              { title: t('col_to'), isFigure: true, cell: (entry) => at(entry.done_at) },
              { title: t('col_wait'), isFigure: true, cell: (entry) => long(entry.wait_seconds) },
              { title: t('col_outcome'), cell: (entry) => (entry.outcome === null ? t('none') : word('outcome', entry.outcome)) },
            ]}
          />
        </Panel>
      )}
      {offers.length > 0 && (
        <Panel title={t('call_offers')}>
          <Table
            caption={t('call_offers')}
            rows={offers}
            rowKey={(offer) => offer.id}
            rowClass={(offer) => (offer.counts_as_miss ? 'problem' : undefined)}
            columns={[
              { title: t('col_operator'), isHead: true, cell: (offer) => offer.operator },
              { title: t('col_from'), isFigure: true, cell: (offer) => at(offer.offered_at) },
              { title: t('col_answered'), isFigure: true, cell: (offer) => at(offer.answered_at) },
              { title: t('col_to'), isFigure: true, cell: (offer) => at(offer.over_at) },
              { title: t('col_outcome'), cell: (offer) => (offer.end === null ? t('card_rings') : word('end', offer.end)) },
            ]}
          />
        </Panel>
      )}
      {talks.length > 0 && (
        <Panel title={t('call_talks')}>
          <Table
            caption={t('call_talks')}
            rows={talks}
            rowKey={(talk) => talk.operator + talk.from}
            columns={[
              { title: t('col_operator'), isHead: true, cell: (talk) => talk.operator },
              { title: t('col_from'), isFigure: true, cell: (talk) => at(talk.from) },
              { title: t('col_to'), isFigure: true, cell: (talk) => at(talk.to) },
            ]}
          />
        </Panel>
      )}
      {decisions.length > 0 && <Decisions decisions={decisions} />}
      {stages.length > 0 && (
        <Panel title={t('call_stages')}>
          <ol class="stages">
            {stages.map((stage) => <li key={stage.stage}><time class="figure">{at(stage.at)}</time> {word('stage', stage.stage)}</li>)}
          </ol>
        </Panel>
      )}
      {deliveries.length > 0 && (
        <Panel title={t('call_deliveries')}>
          <Table
            caption={t('call_deliveries')}
            rows={deliveries}
            rowKey={(one) => `${one.target}/${one.stage}/${one.id ?? ''}/${one.operator ?? ''}/${one.at ?? ''}`}
            rowClass={(one) => (['dead', 'unclear'].includes(one.state) ? 'problem' : undefined)}
            columns={[
              { title: t('crm_name'), isHead: true, cell: (one) => one.target },
              { title: t('outbox_what'), cell: (one) => (one.stage === 'pop' ? t('delivery_card', { name: one.operator ?? '' }) : word('kind', one.note ?? '')) },
              { title: t('crm_state'), cell: (one) => word('note', one.state) },
              { title: t('calls_when'), isFigure: true, cell: (one) => at(one.at) },
              { title: t('outbox_why'), isWide: true, cell: (one) => one.why ?? '' },
            ]}
          />
        </Panel>
      )}
      {raw.length > 0 && (
        <Panel title={t('call_raw')}>
          {raw.map((one) => (
            <details key={one.seq} class="raw">
              <summary><time class="figure">{at(one.at)}</time> #{one.seq} <code>{one.method}</code> {one.provider} <strong>{one.kind}</strong></summary>
              <pre tabIndex={0}>{[one.query, one.body].filter((text) => text !== '').join('\n\n')}</pre>
            </details>
          ))}
        </Panel>
      )}
    </div>
  )
}

/** Whether the reader may say what came of a call; an integrator looks only. */
const notesResult = (): boolean => me.value?.role !== 'integrator' && me.value?.role !== 'wallboard'

/** The product's own account of what happened, from recorded decisions. */
function Why(props: { id: string; revision: string }) {
  const told = useFetched(() => api.explain(props.id, language()), [props.id, props.revision, language()])
  const sentences = told.value?.sentences ?? []
  return (
    <Panel title={t('call_why')}>
      {told.fault !== null && <FaultNotice fault={told.fault} onRetry={told.again} />}
      {told.value === null && told.fault === null && <Skeleton lines={2} />}
      {told.value !== null && sentences.length === 0 && <p class="hint">{t('call_why_none')}</p>}
      <ol class="why">
        {sentences.map((sentence, index) => <li key={index}>{sentence.text}</li>)}
      </ol>
    </Panel>
  )
}

function Facts(props: { call: Call }) {
  const { call } = props
  const started = Date.parse(call.started_at)
  const facts: readonly (readonly [string, preact.ComponentChildren])[] = [
    [t('calls_when'), `${day(started)} ${clockExact(started)}`],
    [t('calls_direction'), call.direction === null ? t('none') : word('direction', call.direction)],
    [t('calls_line'), call.line_e164 === null ? t('none') : <Phone value={call.line_e164} />],
    [t('col_queue'), call.queue ?? t('none')],
    [t('calls_operator'), call.answered_by ?? call.placed_by ?? t('none')],
    [t('call_handled'), call.handled_by.length === 0 ? t('none') : call.handled_by.join(', ')],
    [t('calls_wait'), long(call.wait_seconds)],
    [t('call_ring'), long(call.ring_seconds)],
    [t('calls_talk'), long(call.talk_seconds)],
    [t('col_outcome'), call.outcome === null ? t('none') : word('outcome', call.outcome)],
    [t('call_result'), call.result === null ? t('none') : word('result', call.result)],
    [t('call_authority'), word('authority', call.authority)],
    [t('call_account'), provider(call.provider, call.account)],
    [t('call_key'), <code>{call.call_key}</code>],
  ]
  return (
    <Panel title={t('call_facts')} aside={!call.settled && call.ended_at !== null ? <Tag>{t('calls_settling')}</Tag> : undefined}>
      <dl class="facts">
        {facts.map(([title, value]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {call.recording_url !== null && /^https?:/.test(call.recording_url) && (
        <p><a class="button" href={call.recording_url} target="_blank" rel="noopener noreferrer">{t('call_recording')} ↗</a></p>
      )}
    </Panel>
  )
}

function Decisions(props: { decisions: readonly Decision[] }) {
  // A step of the overflow chooses nobody; the account of the call tells of it.
  const rounds = props.decisions.filter((decision) => decision.hop === null)
  return (
    <Panel title={t('call_decisions')}>
      {rounds.map((decision) => (
        <Table
          key={`${decision.queue}/${decision.round}/${decision.at}`}
          caption={`${at(decision.at)} ${t('call_round', { queue: decision.queue, n: decision.round, strategy: word('strategy', decision.strategy) })}`}
          isCaptionShown
          rows={decision.members}
          rowKey={(member) => member.operator}
          columns={[
            { title: t('col_operator'), isHead: true, cell: (member) => member.operator },
            {
              title: t('col_reason'),
              cell: (member) =>
                member.chosen ? <Tag tone="ok">✓ {t('call_chosen')}</Tag> : member.reasons.map((reason) => word('why', reason)).join(', ') || t('none'),
            },
          ]}
        />
      ))}
    </Panel>
  )
}

