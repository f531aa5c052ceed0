// The keys of an operator and of a queue as fields of a form, and the way there and back.
//
// The server judges every value and names the field, so nothing is checked here; what cannot be
// read as a number is sent as it was typed. Only what differs from a default is sent, so that a
// later version may have better defaults.
import type { FieldText, Json, Settings } from '../../types.ts'

export type Kind = 'text' | 'length' | 'number' | 'check' | 'switch' | 'choose' | 'lines' | 'pairs' | 'tiers' | 'overflow'

export interface Spec {
  /** The way to the value; its name in the texts is this with `_` for `.`. */
  path: string
  kind: Kind
  /** What holds when the key is left out; shown in the empty field. */
  usual?: string | boolean
  options?: readonly string[]
  /** Has a sentence under it. */
  hasHint?: boolean
  /** The heading above it, where one begins. */
  opens?: 'who' | 'how' | 'waits' | 'extras' | 'report'
}

export const STRATEGIES = [
  'parallel', 'linear', 'round-robin', 'round-robin-calls', 'longest-idle', 'fewest-calls', 'least-talk',
  'random', 'weighted-random', 'smooth-weighted', 'progressive',
] as const // prettier-ignore

export const OPERATOR: readonly Spec[] = [
  { path: 'login', kind: 'text', hasHint: true },
  { path: 'aliases', kind: 'lines', hasHint: true },
  { path: 'skills', kind: 'lines', hasHint: true },
  { path: 'ready', kind: 'choose', usual: 'panel', options: ['panel', 'always'], hasHint: true },
  { path: 'dial', kind: 'switch', hasHint: true, opens: 'extras' },
  { path: 'dial.prefixes', kind: 'lines', hasHint: true },
  { path: 'dial.calls_max', kind: 'number', usual: '1' },
  { path: 'dial.per_minute', kind: 'number', usual: '10' },
  { path: 'dial.per_day', kind: 'number', usual: '200' },
  { path: 'crm', kind: 'pairs', hasHint: true },
]

export const QUEUE: readonly Spec[] = [
  { path: 'tiers', kind: 'tiers', hasHint: true, opens: 'who' },
  { path: 'tier_mode', kind: 'choose', usual: 'cumulative', options: ['cumulative', 'replace'] },
  { path: 'skills', kind: 'lines', hasHint: true },
  { path: 'strategy', kind: 'choose', usual: 'parallel', options: STRATEGIES, opens: 'how' },
  { path: 'progressive.first', kind: 'number', usual: '1' },
  { path: 'progressive.step', kind: 'length', usual: '5s' },
  { path: 'ring', kind: 'length', usual: '20s', hasHint: true },
  { path: 'ring_min', kind: 'length', usual: '5s', hasHint: true },
  { path: 'retry', kind: 'length', usual: '5s', hasHint: true },
  { path: 'confirm', kind: 'length', usual: '400ms', hasHint: true },
  { path: 'wrap_up', kind: 'length', usual: '10s', hasHint: true },
  { path: 'fanout_max', kind: 'number', usual: '50', hasHint: true },
  { path: 'split', kind: 'check', usual: true, hasHint: true },
  { path: 'callers_max', kind: 'number', usual: '100', hasHint: true, opens: 'waits' },
  { path: 'wait_max', kind: 'length', usual: '5m', hasHint: true },
  { path: 'calendar', kind: 'text', hasHint: true },
  { path: 'overflow', kind: 'overflow', hasHint: true },
  { path: 'sticky', kind: 'switch', hasHint: true, opens: 'extras' },
  { path: 'sticky.ring', kind: 'length', usual: '15s' },
  { path: 'sticky.wait_max', kind: 'length', usual: '0s' },
  { path: 'auto_pause', kind: 'switch', hasHint: true },
  { path: 'auto_pause.misses', kind: 'number', usual: '3' },
  { path: 'auto_pause.lasts', kind: 'length', usual: '10m' },
  { path: 'numbers', kind: 'choose', usual: 'masked', options: ['masked', 'full'], opens: 'report' },
  { path: 'group', kind: 'text', hasHint: true },
  { path: 'callback_due', kind: 'length', usual: '15m', hasHint: true },
  { path: 'service_level.target', kind: 'length', usual: '20s' },
  { path: 'service_level.short', kind: 'length', usual: '5s', hasHint: true },
]

export interface Seat {
  name: string
  weight: string
}

export interface Tier {
  after: string
  members: readonly Seat[]
}

export interface Onward {
  after: string
  to: string
}

export type Value = string | boolean | readonly Tier[] | readonly Onward[]
export type Draft = Readonly<Record<string, Value>>

/** The switch that a field is under: `sticky.ring` counts only with `sticky` on. */
export function switchOf(specs: readonly Spec[], spec: Spec): Spec | undefined {
  const above = spec.path.split('.')[0]
  return specs.find((one) => one.kind === 'switch' && one.path === above && one !== spec)
}

const text = (value: Json | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const tableOf = (value: Json | undefined): Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

function at(settings: Settings, path: string): Json | undefined {
  return path.split('.').reduce<Json | undefined>((value, key) => tableOf(value)[key], settings)
}

/** What a form begins with. Values that are the defaults are shown as such, in an empty field. */
export function toDraft(specs: readonly Spec[], name: string, settings: Settings): Draft {
  return Object.fromEntries(specs.map((spec) => [spec.path, valueOf(spec, name, at(settings, spec.path))]))
}

function valueOf(spec: Spec, name: string, value: Json | undefined): Value {
  switch (spec.kind) {
    case 'text':
    case 'length':
    case 'number': {
      const shown = text(value)
      const isUsual = shown === spec.usual || (spec.path === 'group' && shown === name)
      return isUsual ? '' : shown
    }
    case 'choose':
      return text(value) || text(spec.usual)
    case 'check':
      return typeof value === 'boolean' ? value : spec.usual === true
    case 'switch':
      return value !== undefined && value !== null
    case 'lines':
      return listOf(value).map(text).join('\n')
    case 'pairs':
      return Object.entries(tableOf(value)).map(([key, one]) => `${key} = ${text(one)}`).join('\n')
    case 'tiers':
      return listOf(value).map((tier) => ({
        after: text(tableOf(tier)['after']),
        members: listOf(tableOf(tier)['members']).map(seatOf),
      }))
    case 'overflow':
      return listOf(value).map((step) => ({ after: text(tableOf(step)['after']), to: text(tableOf(step)['to']) }))
  }
}

const seatOf = (member: Json): Seat =>
  typeof member === 'string'
    ? { name: member, weight: '' }
    : { name: text(tableOf(member)['name']), weight: text(tableOf(member)['weight']) }

/** What is sent: all that differs from the defaults, and keys of `kept` that the form does not know. */
export function toSettings(specs: readonly Spec[], draft: Draft, kept: Settings): Settings {
  const known = new Set(specs.map((spec) => spec.path.split('.')[0]))
  const settings: Settings = Object.fromEntries(Object.entries(kept).filter(([key]) => !known.has(key)))
  for (const spec of specs) {
    const above = switchOf(specs, spec)
    if (above !== undefined && draft[above.path] !== true) continue
    const value = sent(spec, draft[spec.path])
    if (value !== undefined) put(settings, spec.path.split('.'), value)
  }
  return settings
}

function put(settings: Settings, way: readonly string[], value: Json): void {
  const [key, ...rest] = way
  if (key === undefined) return
  if (rest.length === 0) {
    settings[key] = value
    return
  }
  const below = tableOf(settings[key])
  settings[key] = below
  put(below, rest, value)
}

/** A whole number as one, anything else as it was typed. */
const numberOr = (typed: string): Json => (/^\d+$/.test(typed) ? Number(typed) : typed)
const linesOf = (typed: string): string[] => typed.split('\n').map((line) => line.trim()).filter((line) => line !== '')

function sent(spec: Spec, value: Value | undefined): Json | undefined {
  if (typeof value === 'boolean') {
    if (spec.kind === 'switch') return value ? {} : undefined
    return value === spec.usual ? undefined : value
  }
  if (typeof value === 'string') {
    const typed = value.trim()
    if (typed === '' || typed === spec.usual) return undefined
    if (spec.kind === 'number') return numberOr(typed)
    if (spec.kind === 'lines') return linesOf(typed)
    if (spec.kind === 'pairs') return Object.fromEntries(linesOf(typed).map(pairOf))
    return typed
  }
  if (value === undefined || value.length === 0) return undefined
  return value.map((one) => ('members' in one ? sentTier(one) : { after: one.after.trim(), to: one.to.trim() }))
}

function pairOf(line: string): [string, string] {
  const [key = '', ...rest] = line.split('=')
  return [key.trim(), rest.join('=').trim()]
}

function sentTier(tier: Tier): Json {
  const members = tier.members.map((seat) => {
    const weight = seat.weight.trim()
    return weight === '' ? seat.name : { name: seat.name, weight: numberOr(weight) }
  })
  const after = tier.after.trim()
  return after === '' ? { members } : { after, members }
}

/** What the server says of a field; with `isDeep` of what lies below it too. */
export function saidOf(fields: readonly FieldText[], path: string, isDeep = false): readonly FieldText[] {
  const isBelow = (field: string): boolean => field.startsWith(`${path}.`) || field.startsWith(`${path}[`)
  return fields.filter(({ field }) => field === path || (isDeep && isBelow(field)))
}

/** What the server says of keys for which the form has no field. */
export function saidElsewhere(fields: readonly FieldText[], specs: readonly Spec[], names: readonly string[]): readonly FieldText[] {
  const claimed = new Set<FieldText>(names.flatMap((name) => saidOf(fields, name)))
  for (const spec of specs) {
    const isDeep = ['lines', 'pairs', 'tiers', 'overflow'].includes(spec.kind)
    for (const one of saidOf(fields, spec.path, isDeep)) claimed.add(one)
  }
  return fields.filter((one) => !claimed.has(one))
}
