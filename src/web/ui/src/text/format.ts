// Times, lengths, numbers and telephone numbers as people here read them.
// The one place that touches Intl: time zones and plural rules come from the browser,
// the order of the parts from us, so that every browser writes them alike.
import { signal } from '@preact/signals'
import type { Phone } from '../types.ts'
import { language, t } from './index.ts'

/** The site's time zone; the server names it. */
export const zone = signal('Asia/Tashkent')

interface Parts {
  year: number
  month: number
  day: number
  hour: string
  minute: string
  second: string
}

const formats = new Map<string, Intl.DateTimeFormat>()

function parts(at: number): Parts {
  let format = formats.get(zone.value)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone.value, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric',
      hour: '2-digit', minute: '2-digit', second: '2-digit',
    }) // prettier-ignore
    formats.set(zone.value, format)
  }
  const found = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]))
  return {
    year: Number(found['year']),
    month: Number(found['month']),
    day: Number(found['day']),
    hour: found['hour'] ?? '',
    minute: found['minute'] ?? '',
    second: found['second'] ?? '',
  }
}

/** A moment of the API as milliseconds: RFC 3339 text, or milliseconds already. */
export function moment(value: string | number | null | undefined): number | null {
  if (value === null || value === undefined) return null
  const at = typeof value === 'number' ? value : Date.parse(value)
  return Number.isFinite(at) ? at : null
}

/** `14:05`. */
export function clock(at: number): string {
  if (!Number.isFinite(at)) return t('none')
  const { hour, minute } = parts(at)
  return `${hour}:${minute}`
}

/** `14:05:07`. */
export function clockExact(at: number): string {
  if (!Number.isFinite(at)) return t('none')
  const { hour, minute, second } = parts(at)
  return `${hour}:${minute}:${second}`
}

/** `22-noyabr`, `22 ноября`, `22 November`. */
export function day(at: number): string {
  if (!Number.isFinite(at)) return t('none')
  const { day, month } = parts(at)
  const name = t('months').split(' ')[month - 1] ?? ''
  return language() === 'uz' || language() === 'uz-Cyrl' ? `${day}-${name}` : `${day} ${name}`
}

/** The clock alone for today, the day and the clock for any other day. */
export function when(at: number, now: number): string {
  if (!Number.isFinite(at)) return t('none')
  return isoDay(at) === isoDay(now) ? clock(at) : `${day(at)} ${clock(at)}`
}

/** `2026-11-22`, the day of the site. */
export function isoDay(at: number): string {
  const { year, month, day } = parts(at)
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** The moment a day of the site begins, from `2026-11-22`. */
export function dayStart(iso: string): number {
  const utc = Date.parse(`${iso}T00:00:00Z`)
  const shown = parts(utc)
  const local = Date.UTC(
    shown.year, shown.month - 1, shown.day,
    Number(shown.hour), Number(shown.minute), Number(shown.second),
  ) // prettier-ignore
  return utc - (local - utc)
}

/** `0:04`, `2:41`, `1:02:41`. A length below nothing is nothing. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** A number with a thin space between thousands; a comma before decimals but in English. */
export function count(n: number, decimals = 0): string {
  const [whole = '', rest] = n.toFixed(decimals).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')
  return rest === undefined ? grouped : `${grouped}${language() === 'en' ? '.' : ','}${rest}`
}

/** A share of one as `8,9 %`; without a value it is unknown, never nothing. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return t('none')
  const percent = value * 100
  return `${count(percent, Number.isInteger(percent) ? 0 : 1)}\u202f%`
}

/** `+998 90 123 45 67`; foreign numbers in threes; short codes and extensions as they are. */
export function grouped(number: string): string {
  const uzbek = /^\+998(\d{2})(\d{3})(\d{2})(\d{2})$/.exec(number)
  if (uzbek) return `+998 ${uzbek.slice(1).join(' ')}`
  const digits = /^\+(\d{8,15})$/.exec(number)?.[1]
  if (digits === undefined) return number
  return `+${digits.match(/\d{1,3}/g)?.join(' ') ?? digits}`
}

/** A number as this reader may see it, and why there is none. */
export function phone(value: Phone | null | undefined, kind?: string | null): string {
  if (value === null || value === undefined) {
    if (kind === 'hidden') return t('number_hidden')
    return kind === 'unparsed' ? t('number_unparsed') : t('number_missing')
  }
  if (typeof value === 'string') return grouped(value)
  return value.display ?? t('number_hidden')
}

/** Who did something: a login, or in words that it was a program. */
export function person(login: string | null | undefined): string {
  const program = login?.startsWith('token:') === true ? login.slice('token:'.length) : null
  return program === null ? (login ?? '') : t('by_program', { name: program })
}

const PROVIDERS: Readonly<Record<string, string>> = {
  sipuni: 'Sipuni', onlinepbx: 'OnlinePBX', uztelecom: 'Uztelecom', sarkor: 'Sarkor', asterisk: 'Asterisk', sip: 'SIP',
} // prettier-ignore

/** A provider as its users know it, and which account: `Sipuni · main`. */
export function provider(kind: string | null, account: string): string {
  const name = kind === null ? account : (PROVIDERS[kind] ?? kind)
  return name.toLowerCase() === account.toLowerCase() ? name : `${name} · ${account}`
}

/** What tells two numbers apart, whether they are masked or not. */
export function phoneKey(value: Phone | null | undefined): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : value.ref
}
