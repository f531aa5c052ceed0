// The tab's end of the live stream: through the SharedWorker, or alone where there is none.
import { signal } from '@preact/signals'
import { serverNow } from '../clock.ts'
import { Office, type Ask, type Port, type Tell } from './office.ts'
import { realWorld, STALE, type Event, type Status } from './stream.ts'

/** How the stream stands. `since` is the browser's clock. */
export const status = signal<Status>({ is: 'waiting', since: Date.now() })

/** Whether this tab, of all tabs of the browser, makes the sound and shows the notification. */
export const rings = signal(false)

/** When the last thing was heard, on the server's clock. */
export const heardAt = signal(serverNow())

type Listener = (event: Event) => void
let listener: Listener = () => {}
let reconnected: () => void = () => {}
let send: ((ask: Ask) => void) | null = null

/** Joins the stream. `onLive` is called at each (re)connection, before any further event. */
export function join(onEvent: Listener, onLive: () => void): void {
  listener = onEvent
  reconnected = onLive
  if (send === null) {
    send = connect()
    document.addEventListener('visibilitychange', () => send?.({ ask: 'visible', visible: seen() }))
    addEventListener('online', () => send?.({ ask: 'hurry' }))
    addEventListener('pagehide', () => send?.({ ask: 'bye' }))
    // A page taken from the back-forward cache has said goodbye: it takes a new seat.
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return
      send = connect()
      send({ ask: 'start', visible: seen() })
    })
  }
  send({ ask: 'start', visible: seen() })
}

/** Ends the stream of the whole browser: the session is over. */
export function part(): void {
  send?.({ ask: 'stop' })
}

/** Whether what is on the screen is too old to be believed. Reads the browser's clock. */
export function isStale(): boolean {
  const { value } = status
  return value.is === 'waiting' && Date.now() - value.since > STALE
}

const seen = (): boolean => document.visibilityState === 'visible'

function connect(): (ask: Ask) => void {
  if (typeof SharedWorker !== 'undefined') {
    try {
      const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
        type: 'module',
        name: 'navbat',
      })
      worker.port.onmessage = (event: MessageEvent<Tell>) => take(event.data)
      return (ask) => worker.port.postMessage(ask)
    } catch {
      // A browser that has the name but forbids it: this tab keeps its own stream.
    }
  }
  return alone()
}

function alone(): (ask: Ask) => void {
  const office = new Office(realWorld)
  let hear: (event: MessageEvent<Ask>) => void = () => {}
  const port: Port = {
    postMessage: take,
    addEventListener: (kind, heard) => {
      if (kind === 'message') hear = heard
    },
  }
  office.seat(port)
  return (ask) => hear({ data: ask } as MessageEvent<Ask>)
}

function take(tell: Tell): void {
  switch (tell.tell) {
    case 'rings':
      rings.value = tell.rings
      return
    case 'status': {
      const wasLive = status.value.is === 'live'
      status.value = tell.status
      if (tell.status.is === 'live') {
        heardAt.value = serverNow()
        if (!wasLive) reconnected()
      }
      return
    }
    case 'event':
      heardAt.value = serverNow()
      listener(tell.event)
      return
  }
}
