// The life of the cards on one screen, as a pure function of what the server told.
//
// A card lives while its offer rings or talks. What has ended stays for a moment so that it can
// be read, and it never takes the place of a card that lives.
import type { Pop, PopState } from '../types.ts'

export interface Card {
  pop: Pop
  /** When the state was learnt, on the server's clock. */
  since: number
}

/** What the screen shows: one card, at most one line under it, and how many more there are. */
export interface Arranged {
  main: Card | null
  /** A second call as a line of its own. */
  second: Card | null
  more: number
  /** The word on a card that has just ended while another one lives. */
  note: Card | null
}

/** How long an ended card stays, in milliseconds; `null` while it lives. */
export function lingers(state: PopState): number | null {
  switch (state.is) {
    case 'ringing':
    case 'talking':
      return null
    case 'taken_by':
    case 'withdrawn':
      return 3000
    case 'caller_gone':
    case 'ended':
      return 6000
    case 'fyi':
      return state.talk_seconds === null ? null : 6000
    case 'over': // time to say what came of the call
    case 'missed':
      return 60_000 // a miss is to be seen by somebody who comes back to the desk
  }
}

export const lives = (card: Card): boolean => lingers(card.pop.state) === null

/** Whether a card only tells of a colleague's conversation: it never takes the place of a call. */
export const isFyi = (card: Card): boolean => card.pop.state.is === 'fyi'

/** Whether a person may put a card away: what rings or talks stays. */
export const mayGo = (card: Card): boolean => !lives(card) || isFyi(card)

/** Takes in one card of the stream; an ended card that was never shown stays unseen. */
export function learn(cards: readonly Card[], pop: Pop, now: number): readonly Card[] {
  const at = cards.findIndex((card) => card.pop.offer === pop.offer)
  const known = cards[at]
  if (known === undefined) {
    return lingers(pop.state) === null ? [...cards, { pop, since: now }] : cards
  }
  if (!lives(known)) return cards // ended is final
  const isSame = known.pop.state.is === pop.state.is && lingers(pop.state) === null
  const next: Card = { pop, since: isSame ? known.since : now }
  return cards.map((card, index) => (index === at ? next : card))
}

/** Takes in a whole snapshot: what it does not name is gone, except what is being read. */
export function replaceAll(cards: readonly Card[], pops: readonly Pop[], now: number): readonly Card[] {
  const named = new Set(pops.map((pop) => pop.offer))
  const kept = cards.filter((card) => named.has(card.pop.offer) || !lives(card))
  return pops.reduce((next, pop) => learn(next, pop, now), kept as readonly Card[])
}

/** Takes away what has been shown long enough; a conversation's card stays through its wrap-up. */
export function sweep(cards: readonly Card[], now: number, wrapUpUntil: number | null = null): readonly Card[] {
  const left = cards.filter((card) => {
    const stays = lingers(card.pop.state)
    const isWrappedUp = wrapUpUntil === null || now >= wrapUpUntil || card.pop.state.is !== 'over'
    return stays === null || now < card.since + stays || !isWrappedUp
  })
  return left.length === cards.length ? cards : left
}

/** Takes one card away at once that asks for nothing any more: the person has read it. */
export function dismiss(cards: readonly Card[], offer: number): readonly Card[] {
  return cards.filter((card) => card.pop.offer !== offer || !mayGo(card))
}

/** Decides what goes where. The oldest living card is the main one and stays it. */
export function arrange(cards: readonly Card[]): Arranged {
  const living = cards.filter((card) => !mayGo(card)).sort(byAge)
  const ended = cards.filter(mayGo).sort((a, b) => b.since - a.since)
  const [main, second] = living
  if (main === undefined) return { main: ended[0] ?? null, second: null, more: 0, note: null }
  return { main, second: second ?? null, more: Math.max(0, living.length - 2), note: ended[0] ?? null }
}

function byAge(a: Card, b: Card): number {
  const age = Date.parse(a.pop.offered_at) - Date.parse(b.pop.offered_at)
  return age === 0 ? a.pop.offer - b.pop.offer : age
}
