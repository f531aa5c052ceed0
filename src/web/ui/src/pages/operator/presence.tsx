// The operator's own presence on its three axes: what they chose, what is known of their
// telephone, what they are doing. Never one merged word.
import { useEffect, useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { serverNow, ticking } from '../../clock.ts'
import { onKey } from '../../keys.ts'
import { allow, notices, sound } from '../../live/alerts.ts'
import { arranged } from '../../live/store.ts'
import { Choose, faultText, Since, Tag } from '../../parts/basic.tsx'
import { IntentSign, isOver, ReachSign, WorkSign } from '../../parts/state.tsx'
import { clock, duration, person } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Intent, OperatorView } from '../../types.ts'
import { EndWrapUp } from './wrap.tsx'

const CHOICES = ['ready', 'break', 'dnd', 'offline'] as const
const REASONS = ['lunch', 'rest', 'meeting', 'training', 'other'] as const
const MINUTES = [5, 10, 15, 30, 60] as const

export function Presence(props: { operator: OperatorView }) {
  const { operator } = props
  const [wish, setWish] = useState<Intent | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isPlanning, setPlanning] = useState(false)
  // What the server says ends the wish, whether it was granted or not.
  useEffect(() => setWish(null), [operator.intent_since, operator.intent.is])

  async function set(intent: Intent): Promise<void> {
    setPlanning(false)
    setFault(null)
    setWish(intent)
    // The press is the gesture without which a browser allows no sound.
    if (sound.value === 'unasked' && intent.is === 'ready') void allow()
    try {
      await api.setIntent(operator.name, intent)
    } catch (thrown) {
      setWish(null)
      setFault(asFault(thrown))
    }
  }

  function choose(is: (typeof CHOICES)[number]): void {
    if (is === 'break') setPlanning(true)
    else void set({ is })
  }

  useEffect(() => {
    const taken = CHOICES.map((is, at) => onKey(`KeyP Digit${at + 1}`, () => choose(is)))
    return () => taken.forEach((giveBack) => giveBack())
  }, [operator.name])

  const intent = wish ?? operator.intent
  return (
    <section class="panel presence" aria-label={t('presence')}>
      <div class="choices" role="group" aria-label={t('presence')}>
        {CHOICES.map((is) => (
          <button
            key={is}
            type="button"
            class={`choice ${is}`}
            aria-pressed={intent.is === is}
            aria-expanded={is === 'break' ? isPlanning : undefined}
            disabled={operator.intent.is === 'disabled'}
            onClick={() => choose(is)}
          >
            <IntentSign intent={{ is }} />
          </button>
        ))}
      </div>
      {isPlanning && <BreakForm onStart={(planned) => void set(planned)} onCancel={() => setPlanning(false)} />}
      <div class="line">
      <dl class="axes">
        <div>
          <dt>{t('presence_intent')}</dt>
          <dd>
            <IntentSign intent={intent} /> <Since at={operator.intent_since} />
            <BreakWords intent={intent} />
            {wish !== null && operator.work.is === 'talking' && <Tag>{t('presence_after_call')}</Tag>}
            <ChosenBy operator={operator} />
          </dd>
        </div>
        <div>
          <dt>{t('presence_reach')}</dt>
          <dd><ReachSign reach={operator.reach} /></dd>
        </div>
        <div>
          <dt>{t('presence_work')}</dt>
          <dd>
            <WorkSign work={operator.work.is} /> {operator.work.is !== 'idle' && <Since at={operator.work_since} />}
            {operator.work.is === 'wrap_up' && arranged.value.main?.pop.state.is !== 'over' && <EndWrapUp operator={operator} />}
          </dd>
        </div>
      </dl>
      <Sound />
      </div>
      {fault !== null && <p class="notice bad" role="alert">⚠ {faultText(fault)}</p>}
      <Warnings operator={operator} onReturn={() => void set({ is: 'ready' })} />
    </section>
  )
}

function ChosenBy(props: { operator: OperatorView }) {
  const by = props.operator.intent_by
  if (by.who === 'supervisor') return <span class="hint">{t('presence_by', { login: person(by.login) })}</span>
  if (by.who === 'schedule') return <span class="hint">{t('presence_by_schedule')}</span>
  return null
}

/** Why a break, until when, and how far over. */
export function BreakWords(props: { intent: Intent }) {
  const { intent } = props
  if (intent.is !== 'break') return null
  const over = isOver(intent, ticking())
  return (
    <>
      {intent.reason && <span class="hint">{word('break_reason', intent.reason)}</span>}
      {over !== null && <Tag tone="bad">⚠ {t('break_over', { time: duration(over / 1000) })}</Tag>}
      {over === null && intent.planned_end && (
        <span class="hint">{t('break_until', { time: clock(Date.parse(intent.planned_end)) })}</span>
      )}
    </>
  )
}

function BreakForm(props: { onStart: (intent: Intent) => void; onCancel: () => void }) {
  const [reason, setReason] = useState<string>(REASONS[0])
  const [minutes, setMinutes] = useState('15')
  function start(): void {
    const end = minutes === '' ? null : new Date(serverNow() + Number(minutes) * 60_000).toISOString()
    props.onStart({ is: 'break', reason, planned_end: end })
  }
  return (
    <div class="break-form">
      <Choose
        name="reason"
        label={t('break_reason')}
        value={reason}
        options={REASONS.map((value) => ({ value, label: word('break_reason', value) }))}
        onChange={setReason}
      />
      <Choose
        name="minutes"
        label={t('break_end')}
        value={minutes}
        options={[
          ...MINUTES.map((n) => ({ value: String(n), label: t('break_minutes', { n }) })),
          { value: '', label: t('break_open') },
        ]}
        onChange={setMinutes}
      />
      <button type="button" class="main" onClick={start}>{t('break_start')}</button>
      <button type="button" onClick={props.onCancel}>{t('cancel')}</button>
    </div>
  )
}

function Warnings(props: { operator: OperatorView; onReturn: () => void }) {
  const { operator } = props
  const by = operator.intent_by
  const isPaused = by.who === 'auto_pause' && operator.intent.is !== 'ready'
  return (
    <>
      {operator.intent.is === 'ready' && operator.reach === 'unreachable' && (
        <p class="notice bad" role="alert">⚠ {t('presence_no_device')}</p>
      )}
      {isPaused && (
        <p class="notice warn" role="alert">
          <span>
            ❚❚{' '}
            {by.cause === 'unreachable'
              ? t('presence_auto_unreachable', { misses: by.misses ?? 0 })
              : t('presence_auto_no_answer', { misses: by.misses ?? 0 })}
          </span>
          <button type="button" class="main" onClick={props.onReturn}>{t('presence_return')}</button>
        </p>
      )}
    </>
  )
}

function Sound() {
  const isDenied = notices.value === 'denied'
  const wants = sound.value !== 'on' || notices.value === 'default'
  if (!wants && !isDenied) return null
  return (
    <p class="sound">
      {wants && (
        <button type="button" class="quiet" onClick={() => void allow()}>
          🔔 {sound.value === 'blocked' ? t('alerts_blocked') : t('alerts_on')}
        </button>
      )}
      {isDenied && <span class="hint">{t('alerts_denied')}</span>}
    </p>
  )
}
