// After a conversation: what came of it, and being done before the time of wrap-up is over.
import { useEffect, useState } from 'preact/hooks'
import { api, asFault } from '../../api.ts'
import { onKey } from '../../keys.ts'
import { refusalText, useLeft } from '../../parts/basic.tsx'
import { t, word } from '../../text/index.ts'
import type { OperatorView } from '../../types.ts'

/** What most calls come to; the words for them are the reader's, what is kept is the same for all. */
export const RESULTS = ['order', 'question', 'complaint', 'call_again', 'no_interest', 'wrong_number'] as const

/** The longest result of one's own words, in UTF-8 bytes; the server refuses longer ones. */
const RESULT_MAX = 200

export function EndWrapUp(props: { operator: OperatorView }) {
  const { operator } = props
  const left = useLeft(operator.wrap_up_until)
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<string | null>(null)
  async function end(): Promise<void> {
    setBusy(true)
    try {
      await api.endWrapUp(operator.name)
      setRefusal(null)
    } catch (thrown) {
      setRefusal(refusalText(asFault(thrown)))
    }
    setBusy(false)
  }
  return (
    <>
      <button type="button" class="wrap-up" disabled={isBusy} onClick={() => void end()}>
        ▣ {t('wrap_up_end')} <span class="figure">{left}</span>
      </button>
      {refusal !== null && <span class="bad-text" role="alert">⚠ {refusal}</span>}
    </>
  )
}

/** One press for the usual results (keys 1–6 on the card), a field for any other. */
export function ResultForm(props: { call: string; noted?: string | null; hasKeys?: boolean }) {
  const [noted, setNoted] = useState(props.noted ?? null)
  const [own, setOwn] = useState('')
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)

  async function note(result: string): Promise<void> {
    setBusy(true)
    try {
      await api.noteResult(props.call, result)
      setNoted(result)
      setOwn('')
      setProblem(null)
    } catch (thrown) {
      setProblem(refusalText(asFault(thrown)))
    }
    setBusy(false)
  }

  function submit(event: Event): void {
    event.preventDefault()
    const text = own.trim()
    if (text === '') return
    if (new TextEncoder().encode(text).length > RESULT_MAX) setProblem(t('result_long'))
    else void note(text)
  }

  useEffect(() => {
    if (props.hasKeys !== true) return
    const taken = RESULTS.map((result, at) => onKey(`Digit${at + 1}`, () => void note(result)))
    return () => taken.forEach((giveBack) => giveBack())
  }, [props.call, props.hasKeys])

  return (
    <form class="result" aria-label={t('result_title')} onSubmit={submit}>
      <p class="hint" role="status">
        {t('result_title')}{noted !== null && <strong class="ok"> ✓ {word('result', noted)}</strong>}
      </p>
      <div class="acts">
        {RESULTS.map((result, at) => (
          <button key={result} type="button" aria-pressed={noted === result} disabled={isBusy} onClick={() => void note(result)}>
            {props.hasKeys === true && <kbd>{at + 1}</kbd>} {word('result', result)}
          </button>
        ))}
      </div>
      <div class="own">
        <input name="result" aria-label={t('result_own')} placeholder={t('result_own')} maxLength={RESULT_MAX} value={own} onInput={(event) => setOwn(event.currentTarget.value)} />
        <button type="submit" disabled={isBusy || own.trim() === ''}>{t('save')}</button>
      </div>
      {problem !== null && <p class="bad-text" role="alert">⚠ {problem}</p>}
    </form>
  )
}
