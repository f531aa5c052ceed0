// What is around every page: menu, live badge, language, theme, sign-out, list of keys.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ticking } from '../clock.ts'
import { onKey } from '../keys.ts'
import { isStale, status } from '../live/hub.ts'
import { arranged, board } from '../live/store.ts'
import { path } from '../router.tsx'
import { leave, me, pagesOf, setTheme, theme, type Theme } from '../session.ts'
import { duration, phone } from '../text/format.ts'
import { choose, language, LANGUAGES, t, word, type Language } from '../text/index.ts'
import { Choose, Since } from './basic.tsx'
import { Dialog } from './dialog.tsx'

export function Shell(props: { children: ComponentChildren }) {
  const who = me.value
  const [hasKeys, setHasKeys] = useState(false)
  useEffect(() => onKey('Slash', (event) => (event.shiftKey ? setHasKeys(true) : focusFilter())), [])
  if (!who) return null
  return (
    <>
      <a class="skip" href="#main">{t('skip')}</a>
      <header class="top">
        <a class="brand" href="/">navbat</a>
        <nav aria-label={t('nav')}>
          {pagesOf(who).map((page) => (
            <a key={page} href={`/${page}`} aria-current={path.value.startsWith(`/${page}`) ? 'page' : undefined}>
              {word('nav', page)}
              {page === 'missed' && <OpenCount />}
            </a>
          ))}
        </nav>
        <LiveBadge />
        <Settings login={who.operator ?? who.login} onKeys={() => setHasKeys(true)} />
      </header>
      <StaleBanner />
      {path.value !== '/panel' && <RingLine />}
      <main id="main" tabIndex={-1}>{props.children}</main>
      {hasKeys && <Keys onClose={() => setHasKeys(false)} />}
    </>
  )
}

function OpenCount() {
  const open = board.value?.open_episodes ?? 0
  return open > 0 ? <span class="count">{open}</span> : null
}

/** Says whether the screen is the present: live, coming back, or too old to believe. */
export function LiveBadge() {
  const { value } = status
  if (value.is === 'live') {
    return <span class="live ok" role="status" title={t('live_title')}>● {t('live_on')}</span>
  }
  ticking()
  const seconds = value.is === 'waiting' ? (Date.now() - value.since) / 1000 : 0
  if (isStale()) {
    return <span class="live bad" role="status" title={t('live_title')}>▲ {t('live_old')} {duration(seconds)}</span>
  }
  return (
    <span class="live warn" role="status" title={t('live_title')}>
      ○ {t('live_wait')} <span aria-hidden="true">{t('seconds_short', { n: Math.floor(seconds) })}</span>
    </span>
  )
}

function StaleBanner() {
  const { value } = status
  if (value.is !== 'waiting') return null
  ticking()
  if (!isStale()) return null
  return (
    <p class="banner bad" role="alert">
      ⚠ {t('stale_banner', { time: duration((Date.now() - value.since) / 1000) })}
    </p>
  )
}

/**
 * The ring on a page that is not the panel: one line on top of everything, also of a dialog,
 * that leads to the card. It takes no focus.
 */
function RingLine() {
  const card = arranged.value.main
  const isRinging = card?.pop.state.is === 'ringing'
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // The browser's top layer; one too old for it shows the line on the page itself.
    if (isRinging) box.current?.showPopover?.()
  }, [isRinging])
  if (!isRinging) return null
  const { pop } = card
  return (
    <div ref={box} popover="manual" class="ring-line" role="alert" data-offer={pop.offer}>
      <a href="/panel">☎ {phone(pop.client, pop.client_kind)}</a>
      {pop.queue !== null && <span>{pop.queue}</span>}
      <Since at={pop.offered_at} />
    </div>
  )
}

function Settings(props: { login: string; onKeys: () => void }) {
  return (
    <details class="settings">
      <summary aria-label={`${t('menu')}: ${props.login}`}>{props.login} ▾</summary>
      <div class="menu">
        <Preferences />
        <button type="button" class="quiet" onClick={props.onKeys}>{t('keys_title')} <kbd>?</kbd></button>
        <button type="button" onClick={() => void leave()}>{t('sign_out')}</button>
      </div>
    </details>
  )
}

/** Language and theme; also on the login page. */
export function Preferences() {
  const themes: readonly Theme[] = ['auto', 'light', 'dark']
  return (
    <div class="preferences">
      <Choose
        name="language"
        label={t('language')}
        value={language()}
        options={LANGUAGES.map(([value, label]) => ({ value, label }))}
        onChange={(value) => void choose(value as Language)}
      />
      <Choose
        name="theme"
        label={t('theme')}
        value={theme.value}
        options={themes.map((value) => ({ value, label: word('theme', value) }))}
        onChange={(value) => setTheme(value as Theme)}
      />
    </div>
  )
}

function focusFilter(): void {
  document.querySelector<HTMLElement>('.filters select, .filters input')?.focus()
}

function Keys(props: { onClose: () => void }) {
  const rows: readonly (readonly [string, string])[] = [
    ['p 1 · 2 · 3 · 4', t('keys_presence')],
    ['g p · b · m · c · s', t('keys_go')],
    ['j · k', t('keys_rows')],
    ['x', t('keys_select')],
    ['Enter', t('keys_open')],
    ['F4', t('keys_decline')],
    ['1 … 6', t('keys_result')],
    ['/', t('keys_search')],
    ['?', t('keys_help')],
  ]
  return (
    <Dialog title={t('keys_title')} onClose={props.onClose}>
      <dl class="keys">
        {rows.map(([keys, what]) => (
          <div key={keys}>
            <dt><kbd>{keys}</kbd></dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
