// Sign in.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { Field, faultText } from '../../parts/basic.tsx'
import { enter, sessionEnded } from '../../session.ts'
import { t } from '../../text/index.ts'
import { Gate } from './gate.tsx'

export function Login() {
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    setBusy(true)
    try {
      await enter(await api.login(String(form.get('login')), String(form.get('password'))))
    } catch (thrown) {
      setFault(asFault(thrown))
      setBusy(false)
    }
  }

  return (
    <Gate title={t('login_title')}>
      {sessionEnded.value && fault === null && <p class="notice warn" role="status">{t('login_again')}</p>}
      {fault !== null && (
        <p class="notice bad" role="alert">⚠ {fault.status === 401 ? t('login_wrong') : faultText(fault)}</p>
      )}
      <form onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
        <Field label={t('login_name')} name="login" autocomplete="username" autocapitalize="none" spellcheck={false} required />
        <Field label={t('login_password')} name="password" type="password" autocomplete="current-password" required />
        <button type="submit" class="main" disabled={isBusy}>{t('login_go')}</button>
      </form>
    </Gate>
  )
}
