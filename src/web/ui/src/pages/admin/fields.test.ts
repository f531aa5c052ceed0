// Forms and settings: there and back loses nothing, and what is left alone is not sent.
import { describe, expect, it } from 'vitest'
import type { FieldText, Settings } from '../../types.ts'
import { OPERATOR, QUEUE, saidElsewhere, saidOf, switchOf, toDraft, toSettings } from './fields.ts'

const queue: Settings = {
  strategy: 'progressive',
  tiers: [{ after: '0s', members: ['Dilnoza', { name: 'Sardor', weight: 5 }] }, { after: '15s', members: ['Jasur'] }],
  ring: '25s',
  callers_max: 20,
  split: false,
  progressive: { first: 2 },
  overflow: [{ after: '3m', to: 'callback' }],
  sticky: { ring: '9s' },
  calendar: 'office',
}

describe('settings', () => {
  it('come back as they were', () => {
    expect(toSettings(QUEUE, toDraft(QUEUE, 'sotuv', queue), queue)).toEqual(queue)
    const operator: Settings = {
      login: 'dilnoza', aliases: ['main:201', '+998901112233'], ready: 'always', disabled: true,
      dial: { prefixes: ['+998'], per_day: 50 }, crm: { amo: '10002' },
    } // prettier-ignore
    expect(toSettings(OPERATOR, toDraft(OPERATOR, 'Dilnoza', operator), operator)).toEqual(operator)
  })

  it('that are the defaults are not sent, and show as empty fields', () => {
    const usual: Settings = {
      strategy: 'parallel', tier_mode: 'cumulative', ring: '20s', callers_max: 100, split: true, group: 'sotuv',
      service_level: { target: '20s', short: '5s' }, progressive: { first: 1, step: '5s' },
    } // prettier-ignore
    const draft = toDraft(QUEUE, 'sotuv', usual)
    expect([draft['ring'], draft['callers_max'], draft['group']]).toEqual(['', '', ''])
    expect(toSettings(QUEUE, draft, usual)).toEqual({})
  })

  it('keep keys that the form does not know', () => {
    expect(toSettings(OPERATOR, toDraft(OPERATOR, 'X', { disabled: true }), { disabled: true })).toEqual({ disabled: true })
  })

  it('leave out what is under a switch that is off', () => {
    const draft = { ...toDraft(QUEUE, 'sotuv', queue), sticky: false }
    expect(toSettings(QUEUE, draft, queue)['sticky']).toBeUndefined()
    const on = { ...toDraft(QUEUE, 'sotuv', {}), auto_pause: true }
    expect(toSettings(QUEUE, on, {})).toEqual({ auto_pause: {} })
  })

  it('send what is no number as it was typed: the server says what is wrong', () => {
    const draft = { ...toDraft(QUEUE, 'sotuv', {}), callers_max: 'many', fanout_max: ' 7 ' }
    expect(toSettings(QUEUE, draft, {})).toEqual({ callers_max: 'many', fanout_max: 7 })
  })

  it('read lines and pairs as people type them', () => {
    const draft = { ...toDraft(OPERATOR, 'X', {}), aliases: ' main:201 \n\n 202', crm: 'amo=1 \n bitrix = a=b' }
    expect(toSettings(OPERATOR, draft, {})).toEqual({ aliases: ['main:201', '202'], crm: { amo: '1', bitrix: 'a=b' } })
  })

  it('every dotted field lies under a switch or a table of its own', () => {
    const dotted = QUEUE.filter((spec) => spec.path.includes('.'))
    expect(dotted.filter((spec) => switchOf(QUEUE, spec)).map((spec) => spec.path)).toEqual([
      'sticky.ring', 'sticky.wait_max', 'auto_pause.misses', 'auto_pause.lasts',
    ]) // prettier-ignore
  })
})

describe('what the server says', () => {
  const said = (field: string): FieldText => ({ field, code: 'bad', message: field })

  it('is found beside its field', () => {
    const fields = [said('ring'), said('ring_min'), said('aliases[1]'), said('tiers[0].members[1]')]
    expect(saidOf(fields, 'ring').map((one) => one.field)).toEqual(['ring'])
    expect(saidOf(fields, 'aliases', true)).toHaveLength(1)
    expect(saidOf(fields, 'aliases')).toHaveLength(0)
    expect(saidOf(fields, 'tiers[0].members[1]')).toHaveLength(1)
  })

  it('is told at the top where the form has no such field', () => {
    const fields = [said(''), said('sip'), said('name'), said('ring'), said('tiers[0].members[1]')]
    expect(saidElsewhere(fields, QUEUE, ['name']).map((one) => one.field)).toEqual(['', 'sip'])
  })
})
