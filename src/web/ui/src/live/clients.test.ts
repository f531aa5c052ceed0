// What CRMs say is kept by call, the latest word of each.
import { describe, expect, it } from 'vitest'
import type { Client } from '../types.ts'
import { learnClient, type Clients } from './clients.ts'

const said = (call: string, crm: string, state: Client['state'], second: number): Client => ({
  call, crm, state, matches: [], create_link: null, at: new Date(second * 1000).toISOString(),
}) // prettier-ignore

const none: Clients = new Map()

describe('what CRMs say', () => {
  it('replaces what the same CRM said before, and leaves the others', () => {
    const all = [said('c1', 'amo', 'asked', 1), said('c1', 'bitrix', 'unknown', 2), said('c1', 'amo', 'late', 3)].reduce(learnClient, none)
    expect(all.get('c1')?.map((one) => `${one.crm} ${one.state}`)).toEqual(['amo late', 'bitrix unknown'])
  })

  it('is not undone by an older word that comes late', () => {
    const all = [said('c1', 'amo', 'unknown', 3), said('c1', 'amo', 'asked', 1)].reduce(learnClient, none)
    expect(all.get('c1')?.[0]?.state).toBe('unknown')
  })

  it('forgets the oldest calls', () => {
    const many = Array.from({ length: 60 }, (_, at) => said(`c${at}`, 'amo', 'unknown', at))
    const all = many.reduce(learnClient, none)
    expect(all.size).toBe(50)
    expect(all.has('c9')).toBe(false)
    expect(all.has('c10')).toBe(true)
  })
})
