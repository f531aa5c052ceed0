// How states look: one shape, one colour and one word for each, the same on every page.
import { word } from '../text/index.ts'
import type { Call, Intent, OperatorView, ProviderState, Reach, WorkName } from '../types.ts'
import { Sign, type Tone } from './basic.tsx'

type Look = readonly [Tone, string]

const INTENTS: Record<Intent['is'], Look> = {
  ready: ['ok', '●'],
  break: ['warn', '❚❚'],
  dnd: ['warn', '⊘'],
  offline: ['mut', '○'],
  disabled: ['mut', '✕'],
}

const WORKS: Record<WorkName, Look> = {
  idle: ['mut', '·'],
  dialing: ['ring', '☎'],
  ringing: ['ring', '☎'],
  talking: ['ring', '◐'],
  wrap_up: ['warn', '▣'],
}

const REACHES: Record<Reach, Look> = {
  reachable: ['ok', '●'],
  unreachable: ['bad', '⚠'],
  unknown: ['mut', '?'],
}

const PROVIDERS: Record<ProviderState, Look> = {
  ok: ['ok', '●'],
  degraded: ['warn', '▲'],
  down: ['bad', '✕'],
  not_configured: ['mut', '○'],
}

const UNKNOWN: Look = ['mut', '?']

function sign(family: string, [tone, shape]: Look, code: string) {
  return <Sign tone={tone} shape={shape}>{word(family, code)}</Sign>
}

export const IntentSign = (props: { intent: Intent }) =>
  sign('intent', INTENTS[props.intent.is] ?? UNKNOWN, props.intent.is)

export const WorkSign = (props: { work: WorkName }) =>
  sign('work', WORKS[props.work] ?? UNKNOWN, props.work)

export const ReachSign = (props: { reach: Reach }) =>
  sign('reach', REACHES[props.reach] ?? UNKNOWN, props.reach)

export const ProviderSign = (props: { state: ProviderState }) =>
  sign('provider', PROVIDERS[props.state] ?? UNKNOWN, props.state)

export function DispositionSign(props: { call: Call }) {
  const { disposition, settled } = props.call
  const looks: Readonly<Record<string, Look>> = {
    answered: ['ok', '✓'],
    missed: settled ? ['bad', '✕'] : ['mut', '…'],
    open: ['ring', '◐'],
    failed: ['warn', '▲'],
  }
  return sign('disposition', looks[disposition] ?? ['mut', '·'], disposition)
}

/** Whether somebody must act: ready without a telephone, or longer on a break than planned. */
export function isProblem(operator: OperatorView, now: number): boolean {
  const { intent } = operator
  if (intent.is === 'ready') return operator.reach === 'unreachable'
  return intent.is === 'break' && isOver(intent, now) !== null
}

/** By how many milliseconds a break is over its planned end. */
export function isOver(intent: Intent, now: number): number | null {
  const end = intent.planned_end
  if (intent.is !== 'break' || end === null || end === undefined) return null
  const over = now - Date.parse(end)
  return over > 0 ? over : null
}

const WORK_ORDER: readonly WorkName[] = ['ringing', 'talking', 'dialing', 'wrap_up', 'idle']
const INTENT_ORDER: readonly Intent['is'][] = ['ready', 'break', 'dnd', 'offline', 'disabled']

/** Problems first, then by what they do, then whoever has been in it longest. */
export function bySorrow(now: number): (a: OperatorView, b: OperatorView) => number {
  const rank = (operator: OperatorView): number => {
    if (isProblem(operator, now)) return 0
    const work = operator.work.is
    if (work !== 'idle') return 1 + WORK_ORDER.indexOf(work)
    return 10 + INTENT_ORDER.indexOf(operator.intent.is)
  }
  return (a, b) => rank(a) - rank(b) || Date.parse(since(a)) - Date.parse(since(b)) || a.name.localeCompare(b.name)
}

/** When an operator entered the state that is shown for them. */
export function since(operator: OperatorView): string {
  return operator.work.is === 'idle' ? operator.intent_since : operator.work_since
}
