// Times, lengths, shares and telephone numbers as the pages write them.
import { beforeEach, describe, expect, it } from 'vitest'
import { choose } from './index.ts'
import * as format from './format.ts'

const NOON = Date.parse('2026-11-22T09:05:07.250Z') // 14:05:07 in Tashkent

beforeEach(() => choose('uz'))

describe('times', () => {
  it('are those of the site, in 24 hours', () => {
    expect(format.clock(NOON)).toBe('14:05')
    expect(format.clockExact(NOON)).toBe('14:05:07')
    expect(format.clock(Date.parse('2026-11-22T19:00:00Z'))).toBe('00:00')
  })

  it('name the day in each language', async () => {
    const days: string[] = []
    for (const language of ['uz', 'uz-Cyrl', 'ru', 'en'] as const) {
      await choose(language)
      days.push(format.day(NOON))
    }
    expect(days).toEqual(['22-noyabr', '22-ноябрь', '22 ноября', '22 November'])
  })

  it('leave the day out when it is today', () => {
    expect(format.when(NOON, NOON + 1000)).toBe('14:05')
    expect(format.when(NOON, NOON + 86_400_000)).toBe('22-noyabr 14:05')
  })

  it('that nobody can read are a dash, not a broken page', () => {
    for (const show of [format.clock, format.clockExact, format.day]) expect(show(Number.NaN)).toBe('—')
    expect(format.when(Number.NaN, NOON)).toBe('—')
  })

  it('begin the day at midnight of the site, not of Greenwich', () => {
    expect(new Date(format.dayStart('2026-11-22')).toISOString()).toBe('2026-11-21T19:00:00.000Z')
    expect(format.isoDay(Date.parse('2026-11-21T19:00:00Z'))).toBe('2026-11-22')
  })
})

describe('lengths', () => {
  it.each([
    [0, '0:00'],
    [4.9, '0:04'],
    [161, '2:41'],
    [3761, '1:02:41'],
    [-3, '0:00'],
  ])('%d s is %s', (seconds, text) => expect(format.duration(seconds)).toBe(text))
})

describe('figures', () => {
  it('have thin spaces and the comma of the language', async () => {
    expect(format.count(1234567)).toBe('1\u202f234\u202f567')
    expect(format.share(0.0888)).toBe('8,9\u202f%')
    await choose('en')
    expect(format.share(0.0888)).toBe('8.9\u202f%')
  })

  it('without a value are unknown, never nothing', () => {
    expect(format.share(null)).toBe('—')
    expect(format.share(Number.NaN)).toBe('—')
    expect(format.share(0)).toBe('0\u202f%')
  })
})

describe('telephone numbers', () => {
  it.each([
    ['+998901234567', '+998 90 123 45 67'],
    ['+74951234567', '+749 512 345 67'],
    ['102', '102'],
  ])('%s is shown as %s', (number, text) => expect(format.phone(number)).toBe(text))

  it('are shown masked as the server masked them', () => {
    expect(format.phone({ display: '+998 90 ••• •• 67', ref: 'n_1' })).toBe('+998 90 ••• •• 67')
    expect(format.phoneKey({ display: '+998 90 ••• •• 67', ref: 'n_1' })).toBe('n_1')
  })

  it('say why there is none', () => {
    expect(format.phone(null, 'hidden')).toBe('Yashirin raqam')
    expect(format.phone(null, null)).toBe('Raqam kelmadi')
    expect(format.phone(null, 'unparsed')).toBe('Raqam oʻqilmadi')
  })
})

describe('who did something', () => {
  it('is a login, and for a token the program in words', () => {
    expect(format.person('nargiza')).toBe('nargiza')
    expect(format.person('token:crm')).toBe('«crm» dasturi')
    expect(format.person(null)).toBe('')
  })
})

describe('a provider', () => {
  it.each([
    ['sipuni', 'main', 'Sipuni · main'],
    ['sipuni', 'sipuni', 'Sipuni'],
    ['newer', 'x', 'newer · x'],
    [null, 'desk', 'desk'],
  ] as const)('%s %s is %s', (kind, account, text) => expect(format.provider(kind, account)).toBe(text))
})
