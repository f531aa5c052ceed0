// The card: who calls, while the telephone still rings, and what became of it.
//
// The order of its lines is fixed, and its height is reserved before it comes, so that nothing
// which arrives late moves what is already there.
import { dismiss, isFyi, mayGo, type Card as CardState } from '../../live/cards.ts'
import { arranged, cards, self } from '../../live/store.ts'
import { Empty, Phone, Sign, Since, Tag } from '../../parts/basic.tsx'
import { duration, phone, phoneKey, provider } from '../../text/format.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Direction, Episode, OperatorView, Pop } from '../../types.ts'
import { ClientPart, NameLine, useClients } from './client.tsx'
import { DeclineButton } from './decline.tsx'
import { History } from './history.tsx'
import { EndWrapUp, ResultForm } from './wrap.tsx'

/** Where the card appears. It is as high without one. */
export function CardPlace(props: { operator: OperatorView; episodes: readonly Episode[] }) {
  const { main, second, more, note } = arranged.value
  return (
    <div class="card-place">
      {main === null ? <Waiting operator={props.operator} /> : <Card key={main.pop.offer} card={main} episodes={props.episodes} />}
      {second !== null && <SecondLine card={second} more={more} />}
      {note !== null && <p class={`strip ${toneOf(note.pop)}`} role="status"><EndWords card={note} /> · {phone(note.pop.client, note.pop.client_kind)}</p>}
    </div>
  )
}

function Waiting(props: { operator: OperatorView }) {
  const isReady = props.operator.intent.is === 'ready'
  return (
    <section class="card waiting" aria-label={t('panel_title')}>
      <Empty
        title={isReady ? t('panel_waiting') : t('panel_not_ready')}
        next={isReady ? t('panel_waiting_next') : t('panel_not_ready_next')}
      />
    </section>
  )
}

function Card(props: { card: CardState; episodes: readonly Episode[] }) {
  const { pop } = props.card
  const isRinging = pop.state.is === 'ringing'
  const id = `number-${pop.offer}`
  const clients = useClients(pop.call)
  return (
    <section
      class={`card ${toneOf(pop)} ${isRinging ? 'ringing' : ''}`}
      role={isRinging ? 'alertdialog' : 'region'}
      aria-labelledby={id}
      data-offer={pop.offer}
      data-state={pop.state.is}
    >
      <header>
        <span class="what"><span aria-hidden="true">{arrow(pop.direction)}</span> {directionWord(pop.direction)}</span>
        <CardState card={props.card} />
      </header>
      <p class="number" id={id}>
        <Phone value={pop.client} kind={pop.client_kind} />
      </p>
      <NameLine clients={clients} />
      <p class="where">
        {pop.queue !== null && <strong>{pop.queue}</strong>}
        {pop.queue !== null && pop.line !== null && ' · '}
        {pop.line !== null && <Phone value={pop.line} />}
        {pop.authority === 'observed' && <Tag>{t('card_distributes', { who: provider(pop.provider, pop.account) })}</Tag>}
      </p>
      <Actions card={props.card} />
      {pop.state.is === 'over' && <ResultForm key={pop.call} call={pop.call} hasKeys />}
      <ClientPart pop={pop} clients={clients} />
      <TaskLine pop={pop} episodes={props.episodes} />
      <History client={pop.client_ref ?? phoneKey(pop.client)} call={pop.call} />
    </section>
  )
}

const arrow = (direction: Direction | null): string => (direction === 'out' ? '↗' : direction === 'internal' ? '↔' : '☎')

function directionWord(direction: Direction | null): string {
  switch (direction) {
    case 'in':
      return t('card_inbound')
    case 'out':
      return t('card_outbound')
    case 'internal':
      return t('card_internal')
    case null:
      return t('card_unknown_direction')
  }
}

function toneOf(pop: Pop): string {
  switch (pop.state.is) {
    case 'ringing':
    case 'talking':
      return 'ring'
    case 'missed':
      return 'bad'
    case 'over':
      return 'ok'
    case 'taken_by':
    case 'caller_gone':
    case 'withdrawn':
    case 'ended':
    case 'fyi':
      return 'mut'
  }
}

/** The corner of the card: a running time while it lives, the word of its end afterwards. */
function CardState(props: { card: CardState }) {
  const { pop } = props.card
  switch (pop.state.is) {
    case 'ringing':
      return <Sign tone="ring" shape="☎">{t('card_rings')} <Since at={pop.offered_at} /></Sign>
    case 'talking':
      return <Sign tone="ring" shape="◐">{t('card_talks')} <Since at={pop.state.since} /></Sign>
    case 'missed':
      return <Sign tone="bad" shape="✕"><EndWords card={props.card} /></Sign>
    case 'over':
      return <Sign tone="ok" shape="✓"><EndWords card={props.card} /></Sign>
    case 'taken_by':
    case 'caller_gone':
    case 'withdrawn':
    case 'ended':
    case 'fyi':
      return <Sign tone="mut" shape="·"><EndWords card={props.card} /></Sign>
  }
}

/** What became of a card, in words. */
function EndWords(props: { card: CardState }) {
  const { state } = props.card.pop
  switch (state.is) {
    case 'taken_by':
      return <>{t('card_taken', { name: state.operator })}</>
    case 'missed':
      return <>{t('card_missed', { time: duration(state.rang_seconds) })}</>
    case 'caller_gone':
      return <>{t('card_gone')}</>
    case 'withdrawn':
      return <>{t('card_withdrawn', { why: word('withdrawn', state.because) })}</>
    case 'ended':
      return <>{t('card_ended', { how: word('end', state.how) })}</>
    case 'over':
      return <>{t('card_over', { time: duration(state.talk_seconds) })}</>
    case 'fyi':
      return state.talk_seconds === null
        ? <>{t('card_fyi', { name: state.operator })} <Since at={state.since} /></>
        : <>{t('card_fyi_over', { name: state.operator, time: duration(state.talk_seconds) })}</>
    case 'ringing':
      return <>{t('card_rings')}</>
    case 'talking':
      return <>{t('card_talks')}</>
  }
}

/** What can be done. A call that the provider distributes is answered and refused on its telephone. */
function Actions(props: { card: CardState }) {
  const { pop } = props.card
  const operator = self.value
  const isRinging = pop.state.is === 'ringing'
  return (
    <div class="actions">
      {isRinging && <strong class="cue">{t('card_answer_on_phone')}</strong>}
      {isRinging && pop.authority !== 'observed' && <DeclineButton key={pop.offer} offer={pop.offer} />}
      {pop.state.is === 'over' && operator?.work.is === 'wrap_up' && <EndWrapUp operator={operator} />}
      {!isFyi(props.card) && <a class="button quiet" href={`/calls/${pop.call}`}>{isRinging ? t('card_why') : t('card_details')}</a>}
      {mayGo(props.card) && (
        <button type="button" class="quiet" onClick={() => (cards.value = dismiss(cards.value, pop.offer))}>{t('card_dismiss')}</button>
      )}
    </div>
  )
}

/** An open task for this number: the caller has tried before. */
function TaskLine(props: { pop: Pop; episodes: readonly Episode[] }) {
  const key = phoneKey(props.pop.client)
  const episode = key === null ? undefined : props.episodes.find((one) => phoneKey(one.client) === key)
  if (episode === undefined) return null
  return <p class="task">⏰ {plural('card_task', episode.count)}</p>
}

/** A second call is one line under the card; a stack of windows helps nobody. */
function SecondLine(props: { card: CardState; more: number }) {
  const { pop } = props.card
  return (
    <p class="strip ring" role="status" data-offer={pop.offer}>
      <strong>☎ {t('card_second')}</strong>
      <span class="phone">{phone(pop.client, pop.client_kind)}</span>
      {pop.queue !== null && <span>{pop.queue}</span>}
      <Since at={pop.offered_at} />
      {props.more > 0 && <span>{plural('card_more', props.more)}</span>}
    </p>
  )
}
