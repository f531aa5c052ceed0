// The last calls of one number. It comes after the card and never holds it up.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../../api.ts'
import { serverNow } from '../../clock.ts'
import { Skeleton } from '../../parts/basic.tsx'
import { DispositionSign } from '../../parts/state.tsx'
import { duration, when } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Call } from '../../types.ts'

const SHOWN = 5

/** After this long the card says that the history is slow, in milliseconds. */
const SLOW = 2000

export function History(props: { client: string | null; call: string }) {
  const key = props.client
  const [calls, setCalls] = useState<readonly Call[] | null>(null)
  const [isSlow, setSlow] = useState(false)
  useEffect(() => {
    if (key === null) return
    const leaving = new AbortController()
    const slow = setTimeout(() => setSlow(true), SLOW)
    api.calls({ client: key, limit: SHOWN + 1 }, leaving.signal).then(
      (page) => {
        clearTimeout(slow)
        setSlow(false)
        setCalls(page.items.filter((call) => call.id !== props.call).slice(0, SHOWN))
      },
      () => {
        if (!leaving.signal.aborted) setSlow(true)
      },
    )
    return () => {
      clearTimeout(slow)
      leaving.abort()
    }
  }, [key, props.call])
  if (key === null) return null
  return (
    <div class="history">
      <h2>{t('card_history')}</h2>
      {calls === null && (isSlow ? <p class="hint">▲ {t('card_history_slow')}</p> : <Skeleton lines={2} />)}
      {calls?.length === 0 && <p class="hint">{t('card_history_none')}</p>}
      {calls !== null && calls.length > 0 && (
        <ul>
          {calls.map((call) => (
            <li key={call.id}>
              <a class="plain" href={`/calls/${call.id}`}>
                <time>{when(Date.parse(call.started_at), serverNow())}</time> <DispositionSign call={call} />
              </a>
              <span class="hint">
                {call.answered_by ?? call.placed_by ?? ''}
                {call.result !== null && ` · ${word('result', call.result)}`}
                {call.talk_seconds !== null && call.talk_seconds > 0 && ` ${duration(call.talk_seconds)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
