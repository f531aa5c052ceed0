// The one connection to the server's live stream: connect, read, notice silence, come back.
// It runs in the SharedWorker, or in the page where there is none.
import { reader, type Message } from './sse.ts'

export type Status =
  | { is: 'live' }
  | { is: 'waiting'; since: number }
  | { is: 'signed_out' }

export interface Event {
  id: number
  event: string
  data: unknown
}

/** What the connection needs from its surroundings; tests give their own. */
export interface World {
  fetch: (url: string, init: RequestInit) => Promise<Response>
  now: () => number
  after: (ms: number, then: () => void) => () => void
  random: () => number
}

/** Without a byte for this long the connection is dead, whatever the browser believes. */
export const STALE = 25_000

/** How long to wait before each further attempt, in milliseconds; the last one repeats. */
const BACKOFF = [0, 1000, 2000, 5000, 10_000] as const

export class Stream {
  #world: World
  #told: (status: Status) => void
  #heard: (event: Event) => void
  #last = ''
  #tries = 0
  #lostAt: number | null = null
  #abort: AbortController | null = null
  #cancelWait: (() => void) | null = null
  #cancelWatch: (() => void) | null = null
  #stopped = true

  constructor(world: World, told: (status: Status) => void, heard: (event: Event) => void) {
    this.#world = world
    this.#told = told
    this.#heard = heard
  }

  /** Connects, or does nothing when it already tries. */
  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#tries = 0
    void this.#connect()
  }

  /** Ends for good, until `start`. Another person may sign in, so the place is forgotten. */
  stop(): void {
    this.#stopped = true
    this.#last = ''
    this.#lostAt = null
    this.#drop()
  }

  /** Tries at once when it is waiting to try: the network or the person came back. */
  hurry(): void {
    if (this.#stopped || this.#cancelWait === null) return
    this.#cancelWait()
    this.#cancelWait = null
    this.#tries = 0
    void this.#connect()
  }

  async #connect(): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    this.#watch()
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (this.#last !== '') headers['Last-Event-ID'] = this.#last
      const answer = await this.#world.fetch('/api/v1/events', {
        headers,
        cache: 'no-store',
        credentials: 'same-origin',
        signal: abort.signal,
      })
      if (answer.status === 401) {
        this.stop()
        this.#told({ is: 'signed_out' })
        return
      }
      if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`)
      await this.#read(answer.body, abort)
    } catch {
      // Refused, cut off or aborted: all are answered by coming back.
    }
    if (this.#abort === abort) this.#retry()
  }

  async #read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const bytes = body.getReader()
    const text = new TextDecoder()
    const feed = reader((message) => this.#take(message))
    let isFirst = true
    for (;;) {
      const { done, value } = await bytes.read()
      if (done || this.#abort !== abort) return
      this.#watch()
      if (isFirst) {
        isFirst = false
        this.#tries = 0
        this.#lostAt = null
        this.#told({ is: 'live' })
      }
      feed(text.decode(value, { stream: true }))
    }
  }

  #take(message: Message): void {
    let data: unknown
    try {
      data = JSON.parse(message.data)
    } catch {
      data = message.data
    }
    if (message.id !== '') this.#last = message.id
    this.#heard({ id: Number(message.id) || 0, event: message.event, data })
  }

  #retry(): void {
    this.#drop()
    if (this.#stopped) return
    this.#lostAt ??= this.#world.now()
    this.#told({ is: 'waiting', since: this.#lostAt })
    const base = BACKOFF[Math.min(this.#tries, BACKOFF.length - 1)] ?? 0
    this.#tries += 1
    // Jitter: after a restart a hundred browsers must not come in the same instant.
    const wait = base * (0.75 + this.#world.random() / 2) + this.#world.random() * 300
    this.#cancelWait = this.#world.after(wait, () => {
      this.#cancelWait = null
      void this.#connect()
    })
  }

  #watch(): void {
    this.#cancelWatch?.()
    this.#cancelWatch = this.#world.after(STALE, () => {
      this.#lostAt ??= this.#world.now() - STALE
      this.#drop()
      this.#retry()
    })
  }

  #drop(): void {
    this.#cancelWait?.()
    this.#cancelWatch?.()
    this.#cancelWait = null
    this.#cancelWatch = null
    const abort = this.#abort
    this.#abort = null
    abort?.abort()
  }
}

/** The real surroundings, in a page as in a worker. */
export const realWorld: World = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
