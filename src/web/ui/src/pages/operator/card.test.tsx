// The card on the page: the fixed order of its lines, its words in each state, and that it
// takes no focus.
import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { learn } from '../../live/cards.ts'
import { cards, tellClient } from '../../live/store.ts'
import { choose } from '../../text/index.ts'
import type { Client, OperatorView, Pop, PopState } from '../../types.ts'
import { CardPlace } from './card.tsx'

const operator: OperatorView = {
  name: 'Dilnoza', intent: { is: 'ready' }, intent_since: '2026-11-22T09:00:00Z', intent_by: { who: 'person' },
  reach: 'reachable', work: { is: 'idle' }, work_since: '2026-11-22T09:00:00Z', wrap_up_until: null, queues: [],
} // prettier-ignore

function pop(state: PopState, change: Partial<Pop> = {}): Pop {
  return {
    offer: 1, call: 'c1', operator: 'Dilnoza', state, client: '+998901234567', client_ref: 'n_1', client_kind: 'number',
    line: '+998712001122', queue: 'sotuv', direction: 'in', authority: 'observed', account: 'main', provider: 'sipuni',
    offered_at: new Date().toISOString(), ...change,
  } // prettier-ignore
}

const show = (...pops: Pop[]): void => {
  cards.value = pops.reduce((all, one) => learn(all, one, Date.now()), cards.value)
}
const page = () => render(<CardPlace operator={operator} episodes={[]} />)

beforeEach(async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"items":[],"next":null,"clients":[]}')))
  cards.value = []
  await choose('uz')
})
afterEach(cleanup)

describe('the card', () => {
  it('keeps the order: direction and number, queue and line, what to do, how long', () => {
    show(pop({ is: 'ringing' }))
    page()
    const text = screen.getByRole('alertdialog').textContent ?? ''
    const order = ['Kiruvchi', '+998 90 123 45 67', 'sotuv', '+998 71 200 11 22', 'Telefoningizda javob bering']
    const places = order.map((part) => text.indexOf(part))
    expect(places.every((place) => place >= 0)).toBe(true)
    expect(places).toEqual([...places].sort((a, b) => a - b))
  })

  it('is named by its number and leaves the focus where it was', () => {
    const field = document.createElement('input')
    document.body.append(field)
    field.focus()
    show(pop({ is: 'ringing' }))
    page()
    expect(screen.getByRole('alertdialog', { name: /90 123 45 67/ })).toBeTruthy()
    expect(document.activeElement).toBe(field)
    field.remove()
  })

  it.each<[PopState, string]>([
    [{ is: 'taken_by', operator: 'Sardor' }, 'Sardor javob berdi'],
    [{ is: 'missed', rang_seconds: 20 }, 'Javob berilmadi · 0:20 jiringladi'],
    [{ is: 'caller_gone' }, 'Mijoz goʻshakni qoʻydi'],
    [{ is: 'withdrawn', because: 'moved_on' }, 'boshqa navbatga oʻtdi'],
    [{ is: 'ended', how: 'busy' }, 'band edi'],
    [{ is: 'over', talk_seconds: 161 }, 'Suhbat tugadi · 2:41'],
    [{ is: 'talking', since: new Date().toISOString() }, 'suhbatda'],
  ])('says in words: %o', (state, words) => {
    show(pop({ is: 'ringing' }), pop(state))
    page()
    expect(document.body.textContent).toContain(words)
    expect(screen.queryByRole('alertdialog')).toBeNull()
  })

  it.each<[number | null, string]>([
    [null, 'Mijozingiz bilan Sardor gaplashmoqda'],
    [161, 'Mijozingiz bilan Sardor gaplashdi · 2:41'],
  ])('tells of a colleague’s conversation and asks for nothing: %s', (seconds, words) => {
    const since = new Date().toISOString()
    show(pop({ is: 'fyi', operator: 'Sardor', since, talk_seconds: null }))
    show(pop({ is: 'fyi', operator: 'Sardor', since, talk_seconds: seconds }))
    page()
    expect(screen.getByRole('region', { name: /90 123 45 67/ }).textContent).toContain(words)
    expect(screen.queryByRole('alertdialog')).toBeNull()
    expect(screen.queryByRole('link')).toBeNull() // the call is not theirs to open
    fireEvent.click(screen.getByRole('button', { name: 'Yopish' }))
    expect(screen.queryByRole('region', { name: /90 123 45 67/ })).toBeNull()
  })

  it('says why there is no number', () => {
    show(pop({ is: 'ringing' }, { client: null, client_kind: 'hidden' }))
    page()
    expect(screen.getByRole('alertdialog', { name: 'Yashirin raqam' })).toBeTruthy()
  })

  it('says who distributes, and offers to refuse only what is not the provider’s', () => {
    show(pop({ is: 'ringing' }))
    page()
    expect(document.body.textContent).toContain('taqsimlash: Sipuni · main')
    expect(screen.queryByRole('button', { name: /Rad etish/ })).toBeNull()
    cleanup()
    cards.value = []
    show(pop({ is: 'ringing' }, { authority: 'advised' }))
    page()
    expect(document.body.textContent).not.toContain('taqsimlash')
    expect(screen.getByRole('button', { name: /Rad etish/ })).toBeTruthy()
  })

  it('asks for the result after a conversation, not after a miss', () => {
    show(pop({ is: 'ringing' }), pop({ is: 'over', talk_seconds: 9 }))
    page()
    expect(screen.getByRole('form', { name: 'Qoʻngʻiroq natijasi' })).toBeTruthy()
    cleanup()
    cards.value = []
    show(pop({ is: 'ringing' }), pop({ is: 'missed', rang_seconds: 9 }))
    page()
    expect(screen.queryByRole('form')).toBeNull()
  })

  it('shows a second ring as one line', () => {
    show(pop({ is: 'ringing' }), pop({ is: 'ringing' }, { offer: 2, client: '+998935552121' }))
    page()
    expect(screen.getAllByRole('alertdialog')).toHaveLength(1)
    expect(document.body.textContent).toContain('Yana bir qoʻngʻiroq')
  })

  const match = { id: 'contact:501', name: 'Aziza Karimova', company: 'Nur', responsible: 'Sardor', responsible_operator: 'Sardor', deals: [{ name: 'Divan', stage: 'Toʻlov', responsible_operator: null, link: null }], link: 'https://x.amocrm.ru/contacts/detail/501' }
  const said = (call: string, change: Partial<Client>): Client => ({
    call, crm: 'amo', state: 'known', matches: [match], create_link: null, at: new Date().toISOString(), ...change,
  }) // prettier-ignore

  it('shows who calls as the CRM knows them, every match and not only the first', () => {
    show(pop({ is: 'ringing' }, { call: 'k1' }))
    tellClient(said('k1', { matches: [match, { ...match, id: 'contact:502', name: 'Nodira', link: 'javascript:alert(1)' }] }))
    page()
    const card = screen.getByRole('alertdialog')
    for (const words of ['Aziza Karimova', 'shu raqamda yana 1 kishi', 'Nodira', 'masʼul: Sardor', 'Divan', 'Toʻlov']) {
      expect(card.textContent).toContain(words)
    }
    expect(screen.getAllByRole('link', { name: /CRM kartasi/ })).toHaveLength(1)
  })

  it('says when a CRM is silent, and asks for patience no sooner than after two seconds', () => {
    show(pop({ is: 'ringing' }, { call: 'k2' }))
    tellClient(said('k2', { state: 'asked', matches: [] }))
    page()
    expect(document.body.textContent).not.toContain('CRM javob bermayapti')
    cleanup()
    tellClient(said('k2', { state: 'late', matches: [] }))
    page()
    expect(document.body.textContent).toContain('CRM javob bermayapti: amo')
  })

  it('offers to make a client of a number nobody knows', () => {
    show(pop({ is: 'ringing' }, { call: 'k3' }))
    tellClient(said('k3', { state: 'unknown', matches: [], create_link: 'https://x.amocrm.ru/contacts/add/' }))
    page()
    expect(document.body.textContent).toContain('Nomaʼlum raqam')
    expect(screen.getByRole('link', { name: /yangi mijoz/ })).toBeTruthy()
  })
})
