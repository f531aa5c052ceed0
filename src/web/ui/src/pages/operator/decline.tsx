// Refusing a call that rings, with the button or F4.
import { useEffect, useState } from 'preact/hooks'
import { api, asFault } from '../../api.ts'
import { onKey } from '../../keys.ts'
import { refusalText } from '../../parts/basic.tsx'
import { t } from '../../text/index.ts'

export function DeclineButton(props: { offer: number }) {
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<string | null>(null)
  async function decline(): Promise<void> {
    setBusy(true)
    try {
      // The card closes when the stream says what became of the offer, not before.
      await api.decline(props.offer)
      setRefusal(null)
    } catch (thrown) {
      setRefusal(refusalText(asFault(thrown)))
      setBusy(false)
    }
  }
  useEffect(() => onKey('F4', () => void decline()), [props.offer])
  return (
    <>
      <button type="button" class="decline" disabled={isBusy} onClick={() => void decline()}>
        {t('card_decline')} <kbd>F4</kbd>
      </button>
      {refusal !== null && <span class="bad-text" role="alert">⚠ {refusal}</span>}
    </>
  )
}
