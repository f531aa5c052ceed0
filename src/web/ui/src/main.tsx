// Where the pages start: theme before the first paint, then who is signed in, then the page.
import { effect } from '@preact/signals'
import { render, type ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, asFault, type Fault } from './api.ts'
import { startKeys } from './keys.ts'
import { startAlerts } from './live/alerts.ts'
import { status } from './live/hub.ts'
import { follow, forget } from './live/store.ts'
import { PanelPage } from './pages/operator/panel.tsx'
import { Login } from './pages/setup/login.tsx'
import { Setup } from './pages/setup/setup.tsx'
import { FaultNotice, Skeleton } from './parts/basic.tsx'
import { Shell } from './parts/shell.tsx'
import { fragment, path, query, replace, takeLinks } from './router.tsx'
import { enter, home, me, startTheme } from './session.ts'
import { choose, preferred, t } from './text/index.ts'
import type { Me } from './types.ts'
import './style/tokens.css'
import './style/base.css'
import './style/pages.css'

/** Pages that an operator's first paint does not need. */
const Board = later(() => import('./pages/supervisor/board.tsx').then((file) => file.BoardPage))
const Missed = later(() => import('./pages/supervisor/missed.tsx').then((file) => file.MissedPage))
const Calls = later(() => import('./pages/supervisor/calls.tsx').then((file) => file.CallsPage))
const CallDetail = later(() => import('./pages/supervisor/call.tsx').then((file) => file.CallPage))
const Admin = later(() => import('./pages/admin/admin.tsx').then((file) => file.AdminPage))

function later(get: () => Promise<ComponentType>): ComponentType {
  let got: ComponentType | null = null
  return function Later() {
    const [page, setPage] = useState<{ shown: ComponentType } | null>(got && { shown: got })
    const [fault, setFault] = useState<Fault | null>(null)
    useEffect(() => {
      if (page !== null) return
      get().then(
        (shown) => {
          got = shown
          setPage({ shown })
        },
        (thrown: unknown) => setFault(asFault(thrown)),
      )
    }, [])
    if (fault !== null) return <FaultNotice fault={fault} onRetry={() => location.reload()} />
    return page === null ? <Skeleton lines={5} /> : <page.shown />
  }
}

function App() {
  const who = me.value
  if (path.value === '/setup') return <Setup />
  if (who === undefined) return <StartUp />
  if (who === null) return <Login />
  if (path.value === '/' || path.value === '/login') return <Go to={home(who)} />
  if (path.value === '/board' && query.value.get('tv') === '1') return <Board />
  return <Shell><Page /></Shell>
}

function Page() {
  switch (path.value) {
    case '/panel':
      return <PanelPage />
    case '/board':
      return <Board />
    case '/missed':
      return <Missed />
    case '/calls':
      return <Calls />
    case '/admin':
    case '/admin/operators':
    case '/admin/queues':
    case '/admin/users':
    case '/admin/crm':
    case '/admin/outbox':
      return <Admin />
    default:
      return /^\/calls\/[^/]+$/.test(path.value) ? (
        <CallDetail />
      ) : (
        <div class="empty">
          <h1>{t('page_missing')}</h1>
          <p>{t('page_missing_next')}</p>
        </div>
      )
  }
}

function Go(props: { to: string }) {
  useEffect(() => replace(props.to), [props.to])
  return null
}

/** Asks who is signed in. The link of a wallboard carries its token after `#`: it is exchanged
 * for a cookie and taken out of the address, which people on the floor can read. */
async function whoIsThere(): Promise<Me> {
  const token = fragment.value
  if (path.value !== '/board' || query.value.get('tv') !== '1' || token === '') return api.me()
  const found = await api.loginWall(token)
  replace('/board?tv=1')
  return found
}

/** Asks who is signed in; a server that is starting is asked again until it answers. */
function StartUp() {
  const [fault, setFault] = useState<Fault | null>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = (): void => {
      whoIsThere().then(enter, (thrown: unknown) => {
        const found = asFault(thrown)
        if (found.status === 401) {
          me.value = null
          return
        }
        setFault(found)
        timer = setTimeout(ask, 2000)
      })
    }
    ask()
    return () => clearTimeout(timer)
  }, [])
  return <main id="main">{fault === null ? <Skeleton /> : <FaultNotice fault={fault} />}</main>
}

/** Follows the server while somebody is signed in, and forgets what they saw when they leave. */
function followSession(): void {
  let login: string | null = null
  effect(() => {
    const now = me.value?.login ?? null
    if (now === login) return
    if (login !== null) forget()
    login = now
    if (now !== null) follow()
  })
  effect(() => {
    if (status.value.is === 'signed_out' && me.peek()) {
      // The stream was refused: the server says whether the session is over.
      api.me().then(() => follow(), (thrown: unknown) => {
        if (asFault(thrown).status === 401) me.value = null
      })
    }
  })
}

async function start(): Promise<void> {
  startTheme()
  await choose(preferred())
  takeLinks()
  startKeys()
  followSession()
  startAlerts()
  const place = document.getElementById('app')
  if (place !== null) render(<App />, place)
}

void start()
