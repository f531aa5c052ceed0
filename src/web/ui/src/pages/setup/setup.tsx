// The first password, through a link that works once. The key is in the fragment of the address,
// which browsers send to nobody.
import { useState } from 'preact/hooks'
import { api, asFault } from '../../api.ts'
import { Field, faultText } from '../../parts/basic.tsx'
import { fragment, replace } from '../../router.tsx'
import { enter, home } from '../../session.ts'
import { t } from '../../text/index.ts'
import { Gate } from './gate.tsx'

/** The server refuses shorter ones too. */
const PASSWORD_MIN = 10

export function Setup() {
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const token = fragment.value

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const password = String(form.get('password'))
    if ([...password].length < PASSWORD_MIN) return setProblem(t('setup_short'))
    if (password !== form.get('repeat')) return setProblem(t('setup_differ'))
    setBusy(true)
    try {
      const found = await api.setPassword(token, password)
      await enter(found)
      replace(home(found))
    } catch (thrown) {
      const fault = asFault(thrown)
      const isDead = [401, 403, 404, 410].includes(fault.status)
      setProblem(isDead ? t('setup_dead') : faultText(fault))
      setBusy(false)
    }
  }

  return (
    <Gate title={t('setup_title')}>
      {problem !== null && <p class="notice bad" role="alert">⚠ {problem}</p>}
      {token === '' ? (
        <p class="notice bad" role="alert">⚠ {t('setup_no_token')}</p>
      ) : (
        <form onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
          <p class="hint">{t('setup_hint')}</p>
          <Field label={t('setup_password')} name="password" type="password" autocomplete="new-password" minLength={PASSWORD_MIN} required />
          <Field label={t('setup_repeat')} name="repeat" type="password" autocomplete="new-password" required />
          <button type="submit" class="main" disabled={isBusy}>{t('setup_go')}</button>
        </form>
      )}
      {!isSecureContext && <p class="hint">{t('setup_insecure')}</p>}
    </Gate>
  )
}
