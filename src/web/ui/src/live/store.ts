// The present state on the screen: a snapshot of the server, kept up by the stream.
//
// Snapshot and stream carry the same number; only what is newer is applied, so duplicates and
// the order in which the two arrive make no difference.
import { computed, signal } from '@preact/signals'
import { api, asFault, type Fault } from '../api.ts'
import { serverNow } from '../clock.ts'
import { me } from '../session.ts'
import { moment } from '../text/format.ts'
import type { Board, Client, Episode, OperatorView, Pop, QueueView } from '../types.ts'
import { arrange, learn, replaceAll, sweep, type Card } from './cards.ts'
import { learnClient, type Clients } from './clients.ts'
import { join, part, status } from './hub.ts'
import type { Event } from './stream.ts'

/** The last snapshot with the stream's news in it; null before the first. */
export const board = signal<Board | null>(null)
export const boardFault = signal<Fault | null>(null)

/** This person's own cards. */
export const cards = signal<readonly Card[]>([])
export const arranged = computed(() => arrange(cards.value))

/** What CRMs said of the clients, by call. */
const clients = signal<Clients>(new Map())
const nobody: readonly Client[] = []
export const clientsOf = (call: string): readonly Client[] => clients.value.get(call) ?? nobody

/** Takes in what a CRM said, from the stream or from a page that was read. */
export function tellClient(client: Client): void {
  clients.value = learnClient(clients.value, client)
}

/** Rises when calls or episodes changed: lists read again. */
export const callsChanged = signal(0)
export const episodesChanged = signal(0)

/** The operator behind this session, on the three axes. */
export const self = computed<OperatorView | null>(() => {
  const name = me.value?.operator
  if (name === null || name === undefined) return null
  return board.value?.operators.find((operator) => operator.name === name) ?? null
})

/** Counters of the day change with calls; a busy site is asked once in this many milliseconds. */
const COUNTERS_EVERY = 2000

/** Lists read again at most this often. */
const LISTS_EVERY = 1000

let seq = 0
let isReading = false
let isAskedAgain = false
let early: Event[] = []
let countersTimer: ReturnType<typeof setTimeout> | null = null
let sweeper: ReturnType<typeof setInterval> | null = null
const pending = new Map<typeof callsChanged, ReturnType<typeof setTimeout>>()

/** Begins following the server; does nothing when it already does. */
export function follow(): void {
  join(take, () => void refresh())
  sweeper ??= setInterval(() => {
    const left = sweep(cards.value, serverNow(), moment(self.value?.wrap_up_until))
    if (left !== cards.value) cards.value = left
  }, 250)
}

/** Forgets everything: somebody else may sign in. */
export function forget(): void {
  part()
  if (sweeper !== null) clearInterval(sweeper)
  sweeper = null
  board.value = null
  cards.value = []
  clients.value = new Map()
  seq = 0
  early = []
}

/** Reads the whole present state again. */
export async function refresh(): Promise<void> {
  if (me.value?.role === 'integrator') return
  if (isReading) {
    isAskedAgain = true
    return
  }
  isReading = true
  try {
    const snapshot = await api.board()
    seq = snapshot.seq
    cards.value = replaceAll(cards.value, snapshot.pops.filter(isMine), serverNow())
    board.value = snapshot
    boardFault.value = null
    bump(callsChanged)
    bump(episodesChanged)
  } catch (thrown) {
    boardFault.value = asFault(thrown)
  } finally {
    isReading = false
    const waiting = early
    early = []
    waiting.forEach(take)
  }
  if (isAskedAgain) {
    isAskedAgain = false
    void refresh()
  }
}

/** Reads how the providers are: no event tells of a provider that has fallen silent. */
export async function refreshProviders(): Promise<void> {
  if (isReading) return
  try {
    const { providers } = await api.board()
    if (board.value) board.value = { ...board.value, providers }
  } catch {
    // The badge tells already that the server is silent, and the strip keeps its ages.
  }
}

/** Takes in one event of the stream. */
export function take(event: Event): void {
  if (event.event === 'resync' || event.event === 'hello') {
    // `hello` after a lost connection is followed by a snapshot anyway (see `follow`).
    if (event.event === 'resync') void refresh()
    return
  }
  // A card is shown at once, whatever else is under way.
  if (event.event === 'pop') takePop(event)
  if (event.event === 'client') tellClient(event.data as Client)
  if (isReading) {
    early.push(event)
    return
  }
  if (event.id <= seq) return
  seq = event.id
  apply(event)
}

function takePop(event: Event): void {
  const pop = event.data as Pop
  if (event.id > seq && isMine(pop)) cards.value = learn(cards.value, pop, serverNow())
}

function apply(event: Event): void {
  const before = board.value
  switch (event.event) {
    case 'operator':
      if (before) board.value = { ...before, operators: put(before.operators, event.data as OperatorView) }
      break
    case 'queue':
      if (before) board.value = { ...before, queues: put(before.queues, event.data as QueueView) }
      break
    case 'call':
      bump(callsChanged)
      countAgain()
      break
    case 'episode': {
      const episode = event.data as Episode
      bump(episodesChanged)
      if (before && episode.state.is === 'closed') countAgain()
      break
    }
  }
}

function put<V extends { name: string }>(all: readonly V[], one: V): V[] {
  const isKnown = all.some((other) => other.name === one.name)
  return isKnown ? all.map((other) => (other.name === one.name ? one : other)) : [...all, one]
}

function isMine(pop: Pop): boolean {
  const name = me.value?.operator
  return name !== null && name !== undefined && pop.operator === name
}

function countAgain(): void {
  countersTimer ??= setTimeout(() => {
    countersTimer = null
    if (status.value.is === 'live') void refresh()
  }, COUNTERS_EVERY)
}

function bump(counter: typeof callsChanged): void {
  if (pending.has(counter)) return
  const timer = setTimeout(() => {
    pending.delete(counter)
    counter.value += 1
  }, LISTS_EVERY)
  pending.set(counter, timer)
}
