// The life of the cards: what is shown, in which order, and for how long.
import { describe, expect, it } from 'vitest'
import type { Pop, PopState } from '../types.ts'
import { arrange, dismiss, learn, replaceAll, sweep, type Card } from './cards.ts'

const at = (ms: number): string => new Date(ms).toISOString()

function pop(offer: number, state: PopState, offeredAt = offer * 1000): Pop {
  return {
    offer, call: `c${offer}`, operator: 'Dilnoza', state, client: '+998901234567', client_ref: 'n_1', client_kind: 'number', line: null,
    queue: 'sotuv', direction: 'in', authority: 'observed', account: 'main', provider: 'sipuni', offered_at: at(offeredAt),
  } // prettier-ignore
}

const ringing: PopState = { is: 'ringing' }
const taken: PopState = { is: 'taken_by', operator: 'Sardor' }
const told = (...pops: readonly (readonly [number, Pop])[]): readonly Card[] =>
  pops.reduce<readonly Card[]>((cards, [now, one]) => learn(cards, one, now), [])

describe('a card', () => {
  it('opens while the telephone rings', () => {
    const { main, second } = arrange(told([1000, pop(1, ringing)]))
    expect(main?.pop.offer).toBe(1)
    expect(second).toBeNull()
  })

  it('says for three seconds who took it, then goes', () => {
    const cards = told([1000, pop(1, ringing)], [4000, pop(1, taken)])
    expect(arrange(sweep(cards, 6999)).main?.pop.state).toEqual(taken)
    expect(sweep(cards, 7000)).toEqual([])
  })

  it('stays a minute when it was missed, and goes when it has been read', () => {
    const cards = told([1000, pop(1, ringing)], [21_000, pop(1, { is: 'missed', rang_seconds: 20 })])
    expect(sweep(cards, 80_000)).toHaveLength(1)
    expect(sweep(cards, 81_000)).toHaveLength(0)
    expect(dismiss(cards, 1)).toHaveLength(0)
  })

  it('of a conversation stays a minute, and as long as the wrap-up lasts', () => {
    const cards = told([1000, pop(1, ringing)], [5000, pop(1, { is: 'over', talk_seconds: 4 })])
    expect(sweep(cards, 64_999)).toHaveLength(1)
    expect(sweep(cards, 65_000)).toHaveLength(0)
    expect(sweep(cards, 65_000, 90_000)).toHaveLength(1)
    expect(sweep(cards, 90_000, 90_000)).toHaveLength(0)
    const missed = told([1000, pop(1, ringing)], [5000, pop(1, { is: 'missed', rang_seconds: 4 })])
    expect(sweep(missed, 65_000, 90_000)).toHaveLength(0)
  })

  it('never lives again after its end', () => {
    const cards = told([1000, pop(1, ringing)], [2000, pop(1, { is: 'caller_gone' })], [2100, pop(1, ringing)])
    expect(arrange(cards).main?.pop.state.is).toBe('caller_gone')
  })

  it('that ended before it was seen is not shown', () => {
    expect(told([1000, pop(1, taken)])).toEqual([])
  })

  it('keeps its moment when told the same twice', () => {
    const cards = told([1000, pop(1, ringing)], [3000, pop(1, ringing)])
    expect(cards[0]?.since).toBe(1000)
  })

  it('cannot be closed by hand while it lives', () => {
    expect(dismiss(told([1000, pop(1, ringing)]), 1)).toHaveLength(1)
  })
})

describe('a card about a colleague’s conversation', () => {
  const fyi = (seconds: number | null = null): PopState => ({ is: 'fyi', operator: 'Sardor', since: at(1000), talk_seconds: seconds })

  it('lives as long as the conversation, then says its end for six seconds', () => {
    const cards = told([1000, pop(1, fyi())])
    expect(arrange(sweep(cards, 500_000)).main?.pop.state).toEqual(fyi())
    const over = learn(cards, pop(1, fyi(161)), 600_000)
    expect(sweep(over, 605_999)).toHaveLength(1)
    expect(sweep(over, 606_000)).toEqual([])
  })

  it('never takes the place of a call, nor that of the line under it', () => {
    const cards = told([1000, pop(1, fyi())], [2000, pop(2, ringing)], [3000, pop(3, ringing)])
    const { main, second, more, note } = arrange(cards)
    expect([main?.pop.offer, second?.pop.offer, more, note?.pop.offer]).toEqual([2, 3, 0, 1])
  })

  it('may be closed by hand, and its end does not bring it back', () => {
    const cards = dismiss(told([1000, pop(1, fyi())]), 1)
    expect(cards).toEqual([])
    expect(learn(cards, pop(1, fyi(9)), 5000)).toEqual([])
  })
})

describe('several cards', () => {
  it('a second ring is a line under the first, in whatever order they are told', () => {
    const one = told([1000, pop(1, ringing)], [2000, pop(2, ringing)])
    const other = told([1000, pop(2, ringing)], [2000, pop(1, ringing)])
    for (const cards of [one, other]) {
      expect(arrange(cards).main?.pop.offer).toBe(1)
      expect(arrange(cards).second?.pop.offer).toBe(2)
    }
  })

  it('the third and later are a number', () => {
    const cards = told([1, pop(1, ringing)], [2, pop(2, ringing)], [3, pop(3, ringing)], [4, pop(4, ringing)])
    expect(arrange(cards).more).toBe(2)
  })

  it('a card that ended makes room for one that lives, and its word is still said', () => {
    const cards = told([1000, pop(1, ringing)], [2000, pop(2, ringing)], [3000, pop(1, taken)])
    const { main, second, note } = arrange(cards)
    expect([main?.pop.offer, second, note?.pop.offer]).toEqual([2, null, 1])
  })
})

describe('a snapshot', () => {
  it('takes away what the server no longer knows: no ghost rings on', () => {
    expect(replaceAll(told([1000, pop(1, ringing)]), [], 5000)).toEqual([])
  })

  it('lets a word that is being read stay', () => {
    const cards = told([1000, pop(1, ringing)], [2000, pop(1, taken)])
    expect(replaceAll(cards, [], 2500)).toEqual(cards)
  })

  it('brings what was missed and keeps what still rings', () => {
    const cards = replaceAll(told([1000, pop(1, ringing)]), [pop(1, ringing), pop(2, ringing)], 5000)
    expect(cards.map((card) => [card.pop.offer, card.since])).toEqual([[1, 1000], [2, 5000]])
  })
})
