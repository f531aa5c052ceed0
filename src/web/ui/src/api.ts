// The typed client of the API. Every page talks to the server through this file alone.
import type * as T from './types.ts'
import { learnTime } from './clock.ts'

const ROOT = '/api/v1'

/** How long an answer may take before the page says that the server is silent. */
const PATIENCE = 15_000

/** Why something was not done: the server's own code, and the trace to find it in the log. */
export class Fault extends Error {
  readonly status: number
  readonly code: string
  readonly trace: string | null
  /** With `bad_fields`: what is wrong with which. */
  readonly fields: readonly T.FieldText[]
  constructor(status: number, code: string, message: string, trace: string | null, fields: readonly T.FieldText[] = []) {
    super(message)
    this.name = 'Fault'
    this.status = status
    this.code = code
    this.trace = trace
    this.fields = fields
  }
}

/** Turns whatever was thrown into a fault; what is not ours means that nobody answered. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  return new Fault(0, 'network', thrown instanceof Error ? thrown.message : '', null)
}

let csrf = ''
let signedOut: () => void = () => {}

/** Remembers the token that state-changing calls carry. */
export function setCsrf(token: string): void {
  csrf = token
}

/** Says what to do when the server no longer knows the session. */
export function onSignedOut(handler: () => void): void {
  signedOut = handler
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>

/** `?a=1&b=2` of what is set; nothing when nothing is. */
export function queryText(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  if (pairs.length === 0) return ''
  return `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}`
}

interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  query?: Query
  body?: unknown
  /** For the few calls where 401 is an ordinary answer. */
  expects401?: boolean
  signal?: AbortSignal | undefined
  /** Goes through although the page is being left. */
  outlives?: boolean
}

async function call<R>(path: string, ask: Ask = {}): Promise<R> {
  const method = ask.method ?? 'GET'
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') {
    headers['X-CSRF-Token'] = csrf
    headers['Idempotency-Key'] = freshKey()
    if (ask.body !== undefined) headers['Content-Type'] = 'application/json'
  }
  const patience = AbortSignal.timeout(PATIENCE)
  const init: RequestInit = {
    method,
    headers,
    credentials: 'same-origin',
    signal: ask.signal === undefined ? patience : either(ask.signal, patience),
  }
  if (ask.outlives === true) init.keepalive = true
  if (ask.body !== undefined) init.body = JSON.stringify(ask.body)
  const sentAt = Date.now()
  const answer = await fetch(`${ROOT}${path}${queryText(ask.query ?? {})}`, init)
  const text = await answer.text()
  if (!answer.ok) {
    if (answer.status === 401 && ask.expects401 !== true) signedOut()
    throw faultOf(answer.status, text)
  }
  const value = text === '' ? undefined : (JSON.parse(text) as unknown)
  const now = (value as { now?: unknown } | undefined)?.now
  if (typeof now === 'string') learnTime(now, sentAt, Date.now())
  return value as R
}

function faultOf(status: number, text: string): Fault {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; trace?: string; fields?: T.FieldText[] } }
    return new Fault(status, error.code, error.message, error.trace ?? null, error.fields ?? [])
  } catch {
    return new Fault(status, `http_${status}`, '', null)
  }
}

/** A key for one press of a button; plain HTTP has no randomUUID, so it is made by hand. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Ends when either does; `AbortSignal.any` is younger than the oldest browser we run on. */
function either(one: AbortSignal, other: AbortSignal): AbortSignal {
  const joint = new AbortController()
  for (const signal of [one, other]) {
    if (signal.aborted) joint.abort(signal.reason)
    else signal.addEventListener('abort', () => joint.abort(signal.reason), { once: true })
  }
  return joint.signal
}

export const api = {
  me: () => call<T.Me>('/me', { expects401: true }),
  login: (login: string, password: string) =>
    call<T.Me>('/login', { method: 'POST', body: { login, password }, expects401: true }),
  /** Exchanges a wallboard's token for a cookie that only looks. */
  loginWall: (token: string) => call<T.Me>('/login', { method: 'POST', body: { token }, expects401: true }),
  logout: () => call<void>('/logout', { method: 'POST', expects401: true }),
  setPassword: (token: string, password: string) =>
    call<T.Me>('/password', { method: 'POST', body: { token, password }, expects401: true }),

  board: () => call<T.Board>('/board'),
  operators: () => call<{ items: T.OperatorView[] }>('/operators'),
  setIntent: (operator: string, intent: T.Intent) =>
    call<void>(`/presence/${encodeURIComponent(operator)}`, { method: 'PUT', body: { intent: forServer(intent) } }),
  endWrapUp: (operator: string) => call<void>(`/presence/${encodeURIComponent(operator)}/end-wrap-up`, { method: 'POST', body: {} }),
  decline: (offer: number) => call<void>(`/offers/${offer}/decline`, { method: 'POST', body: {} }),

  calls: (query: Query, signal?: AbortSignal) => call<T.Page<T.Call>>('/calls', { query, signal }),
  call: (id: string) => call<T.CallDetail>(`/calls/${encodeURIComponent(id)}`),
  explain: (id: string, lang: string) =>
    call<T.Explained>(`/calls/${encodeURIComponent(id)}/explain`, { query: { lang } }),
  noteResult: (id: string, result: string) =>
    call<void>(`/calls/${encodeURIComponent(id)}/disposition`, { method: 'POST', body: { result } }),

  missed: (query: Query) => call<T.Page<T.Episode>>('/missed', { query }),
  assign: (id: number, owner: string | null) =>
    call<void>(`/missed/${id}/assign`, { method: 'POST', body: { owner }, outlives: true }),
  close: (id: number, reason: string) =>
    call<void>(`/missed/${id}/close`, { method: 'POST', body: { reason }, outlives: true }),

  stats: (name: 'missed' | 'answered' | 'service-level', query: Query) =>
    call<T.Stats>(`/stats/${name}`, { query }),
  providers: () => call<{ items: T.Provider[] }>('/providers'),

  things: (kind: ThingKind) => call<{ items: T.Thing[] }>(`/admin/${kind}`),
  addThing: (kind: ThingKind, name: string, settings: T.Settings) =>
    call<T.Changed>(`/admin/${kind}`, { method: 'POST', body: { name, settings } }),
  putThing: (kind: ThingKind, name: string, settings: T.Settings) =>
    call<T.Changed>(`/admin/${kind}/${encodeURIComponent(name)}`, { method: 'PUT', body: { settings } }),
  removeThing: (kind: ThingKind, name: string) =>
    call<T.Changed>(`/admin/${kind}/${encodeURIComponent(name)}`, { method: 'DELETE' }),
  disableOperator: (name: string, disabled: boolean) =>
    call<T.Changed>(`/admin/operators/${encodeURIComponent(name)}/disable`, { method: 'POST', body: { disabled } }),
  users: () => call<{ items: T.User[] }>('/admin/users'),
  addUser: (login: string, rights: Rights) => call<T.NewLink>('/admin/users', { method: 'POST', body: { login, ...rights } }),
  putUser: (login: string, rights: Rights & { disabled: boolean }) =>
    call<T.Changed>(`/admin/users/${encodeURIComponent(login)}`, { method: 'PUT', body: rights }),
  disableUser: (login: string, disabled: boolean) =>
    call<void>(`/admin/users/${encodeURIComponent(login)}/disable`, { method: 'POST', body: { disabled } }),
  removeUser: (login: string) => call<void>(`/admin/users/${encodeURIComponent(login)}`, { method: 'DELETE' }),
  linkUser: (login: string) => call<T.NewLink>(`/admin/users/${encodeURIComponent(login)}/link`, { method: 'POST', body: {} }),
  targets: () => call<{ items: T.Target[] }>('/admin/crm'),
  testTarget: (name: string) => call<T.TargetTest>(`/admin/crm/${encodeURIComponent(name)}/test`, { method: 'POST', body: {} }),
  connectTarget: (name: string) => call<T.ConsentPage>(`/admin/crm/${encodeURIComponent(name)}/connect`, { method: 'POST', body: {} }),
  addressOfTarget: (name: string) => call<T.VisitAddress>(`/admin/crm/${encodeURIComponent(name)}/address`, { method: 'POST', body: {} }),
  messageTarget: (name: string) => call<T.TestMessage>(`/admin/crm/${encodeURIComponent(name)}/message`, { method: 'POST', body: {} }),
  notes: (query: Query) => call<T.Page<T.Note>>('/outbox', { query }),
  note: (id: string) => call<T.NoteDetail>(`/outbox/${encodeURIComponent(id)}`),
  retryNote: (id: string) => call<void>(`/outbox/${encodeURIComponent(id)}/retry`, { method: 'POST', body: {} }),
  skipNote: (id: string, reason: string) => call<void>(`/outbox/${encodeURIComponent(id)}/skip`, { method: 'POST', body: { reason } }),
  editNote: (id: string, body: T.Json) => call<void>(`/outbox/${encodeURIComponent(id)}/edit`, { method: 'POST', body: { body } }),
  reload: () => call<T.Changed>('/admin/reload', { method: 'POST', body: {} }),
}

export type ThingKind = 'operators' | 'queues'

export interface Rights {
  role: T.Role
  queues: string[]
}

/** The API takes the planned end in milliseconds and gives it as text. */
function forServer(intent: T.Intent): unknown {
  if (intent.is !== 'break') return { is: intent.is }
  const end = intent.planned_end
  return { is: 'break', reason: intent.reason ?? '', planned_end: end ? Date.parse(end) : null }
}
