// Who is signed in, and how they like the pages: language and theme.
import { signal } from '@preact/signals'
import { api, onSignedOut, setCsrf } from './api.ts'
import { choose, preferred } from './text/index.ts'
import { zone } from './text/format.ts'
import type { Me, Role } from './types.ts'

/** Undefined while nobody knows yet, null when nobody is signed in. */
export const me = signal<Me | null | undefined>(undefined)

/** Whether the session ended while a page was open; the login page says so. */
export const sessionEnded = signal(false)

onSignedOut(() => {
  if (me.value) sessionEnded.value = true
  me.value = null
})

/** Takes over a session that the server has just confirmed. */
export async function enter(found: Me): Promise<void> {
  setCsrf(found.csrf)
  zone.value = found.timezone
  sessionEnded.value = false
  await choose(preferred(found.language))
  me.value = found
}

/** Ends the session on the server and here. */
export async function leave(): Promise<void> {
  try {
    await api.logout()
  } finally {
    me.value = null
  }
}

/** Where a person of this role begins. */
export function home(who: Me): string {
  const homes: Record<Role, string> = {
    operator: '/panel',
    supervisor: '/board',
    admin: '/board',
    integrator: '/calls',
    wallboard: '/board?tv=1',
  }
  return homes[who.role]
}

export type PageName = 'panel' | 'board' | 'missed' | 'calls' | 'admin'

/** The pages a role may open, in the order of the menu. */
export function pagesOf(who: Me): readonly PageName[] {
  const own: readonly PageName[] = who.operator === null ? [] : ['panel']
  switch (who.role) {
    case 'operator':
      return ['panel', 'missed', 'calls']
    case 'supervisor':
      return [...own, 'board', 'missed', 'calls']
    case 'admin':
      return [...own, 'board', 'missed', 'calls', 'admin']
    case 'integrator':
      return ['calls', 'admin']
    case 'wallboard':
      return ['board']
  }
}

export type Theme = 'auto' | 'light' | 'dark'
const KEY = 'navbat.theme'
const dark = matchMedia('(prefers-color-scheme: dark)')

export const theme = signal<Theme>('auto')

/** Shows the pages light or dark and remembers it on this computer. */
export function setTheme(wish: Theme): void {
  theme.value = wish
  try {
    localStorage.setItem(KEY, wish)
  } catch {
    // A browser without storage asks again next time.
  }
  paint()
}

/** Takes the remembered theme before the first paint and follows the system's changes. */
export function startTheme(): void {
  try {
    const stored = localStorage.getItem(KEY)
    if (stored === 'light' || stored === 'dark') theme.value = stored
  } catch {
    // No storage: the system decides.
  }
  dark.addEventListener('change', paint)
  paint()
}

function paint(): void {
  const shown = theme.value === 'auto' ? (dark.matches ? 'dark' : 'light') : theme.value
  document.documentElement.dataset['theme'] = shown
}
