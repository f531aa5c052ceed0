// What the API sends. Times are RFC 3339 text, lengths are seconds unless the name says else.

export type Role = 'operator' | 'supervisor' | 'admin' | 'integrator' | 'wallboard'

/** Whole where the reader may see it, else masked with a reference. */
export type Phone = string | { display: string | null; ref: string }

export interface Me {
  login: string
  role: Role
  operator: string | null
  queues: string[]
  language: string
  timezone: string
  csrf: string
  version: string
  now: string
}

export interface Intent {
  is: 'offline' | 'ready' | 'break' | 'dnd' | 'disabled'
  reason?: string
  planned_end?: string | null
}

export interface By {
  who: 'person' | 'supervisor' | 'schedule' | 'auto_pause' | 'config'
  login?: string
  cause?: 'no_answer' | 'unreachable'
  misses?: number
}

export type Reach = 'reachable' | 'unreachable' | 'unknown'
export type WorkName = 'idle' | 'dialing' | 'ringing' | 'talking' | 'wrap_up'

export interface OperatorView {
  name: string
  login?: string | null
  intent: Intent
  intent_since: string
  intent_by: By
  reach: Reach
  reach_since?: string
  work: { is: WorkName }
  work_since: string
  wrap_up_until: string | null
  queues: string[]
}

export interface QueueView {
  name: string
  strategy: string
  waiting: number
  longest_since: string | null
  ready: number
  signed_in: number
  members: number
  open: boolean
}

export type PopState =
  | { is: 'ringing' }
  | { is: 'talking'; since: string }
  | { is: 'taken_by'; operator: string }
  | { is: 'missed'; rang_seconds: number }
  | { is: 'caller_gone' }
  | { is: 'withdrawn'; because: string }
  | { is: 'ended'; how: string }
  | { is: 'over'; talk_seconds: number }
  /** A colleague talks, or talked, with a client of this operator: nothing to do. */
  | { is: 'fyi'; operator: string; since: string; talk_seconds: number | null }

export type Direction = 'in' | 'out' | 'internal'
export type Authority = 'owned' | 'advised' | 'observed'

export interface Pop {
  offer: number
  call: string
  operator: string
  state: PopState
  client: Phone | null
  /** Stands for the number in filters, whether it is shown whole or not. */
  client_ref: string | null
  client_kind: string | null
  line: Phone | null
  queue: string | null
  direction: Direction | null
  authority: Authority
  account: string
  /** The kind of the account's provider; null for telephones of our own. */
  provider: string | null
  offered_at: string
}

export type ClientState = 'asked' | 'known' | 'unknown' | 'late' | 'failed'

/** What one CRM says of the client of one call. */
export interface Client {
  call: string
  crm: string
  state: ClientState
  matches: ClientMatch[]
  /** Where a person is made from this number. */
  create_link: string | null
  at: string
}

export interface ClientMatch {
  id: string
  name: string
  company: string | null
  responsible: string | null
  responsible_operator: string | null
  deals: { name: string; stage: string | null; responsible_operator: string | null; link: string | null }[]
  link: string | null
}

export interface Call {
  id: string
  call_key: string
  provider: string
  account: string
  authority: Authority
  direction: Direction | null
  client_e164: Phone | null
  client_kind: string | null
  line_e164: Phone | null
  queue: string | null
  rung: string[]
  answered_by: string | null
  handled_by: string[]
  placed_by: string | null
  missed: boolean
  talk_seconds: number | null
  ring_seconds: number | null
  wait_seconds: number | null
  disposition: string
  outcome: string | null
  recording_url: string | null
  started_at: string
  ended_at: string | null
  settled: boolean
  /** What an operator said of it. */
  result: string | null
}

export interface Entry {
  id: number
  queue: string
  enqueued_at: string
  done_at: string | null
  outcome: string | null
  wait_seconds?: number | null
}

export interface Offer {
  id: number
  operator: string
  offered_at: string
  ringing_at: string | null
  answered_at: string | null
  over_at: string | null
  end: string | null
  counts_as_miss: boolean
}

export interface Decision {
  queue: string
  round: number
  at: string
  strategy: string
  /** The step of the overflow that was taken; such a decision has no members. */
  hop: { step: number; is: string; of: string | null } | null
  members: { operator: string; tier: number; reasons: string[]; chosen: boolean }[]
}

export interface Raw {
  seq: number
  at: string
  kind: string
  provider: string
  method: string
  query: string
  body: string
}

export interface CallDetail {
  call: Call
  entries: Entry[]
  offers: Offer[]
  talks: { operator: string; from: string; to: string | null }[]
  stages: { stage: string; at: string }[]
  raw: Raw[]
  decisions: Decision[]
  /** What the CRMs said of the client while the call rang. */
  clients: Client[]
  /** How the call was told outside: cards at the CRMs, then notes. */
  deliveries: Delivery[]
}

export interface Explained {
  sentences: { text: string; cites: unknown[] }[]
}

export interface EpisodeState {
  is: 'open' | 'assigned' | 'attempting' | 'no_contact' | 'closed'
  operator?: string
  how?: string
  reason?: string
  by?: string
}

export interface Step {
  kind: 'assigned' | 'offered' | 'reminded' | 'moved' | 'supervisor'
  owner: string | null
  at: string
}

export interface Episode {
  id: number
  client: Phone | null
  group: string
  queue: string
  count: number
  calls: string[]
  first_at: string
  last_at: string
  waited_seconds: number | null
  reason: string
  state: EpisodeState
  owner: string | null
  due_at: string | null
  /** Null on the live stream, where the page's clock decides. */
  overdue: boolean | null
  /** What was done to get somebody to call back, the latest last. */
  steps: Step[]
  /** When the next step is due unless somebody attempts. */
  step_at: string | null
  /** Attempts at calling back. */
  attempts: { call: string; operator: string | null; at: string }[]
}

export interface Page<T> {
  items: T[]
  next: string | null
}

export interface Counts {
  offered: number
  answered: number
  missed: number
  service_level: number | null
}

export interface StatRow extends Partial<Counts> {
  key: string
  rung?: number
  won?: number
  no_answer?: number
  rejected?: number
  busy?: number
  unreachable?: number
  caller_gone?: number
  lost?: number
}

export interface Stats {
  by: string
  timezone: string
  target_seconds: number
  short_seconds: number
  items: StatRow[]
  total: StatRow
}

export type ProviderState = 'ok' | 'degraded' | 'down' | 'not_configured'

export interface Provider {
  account: string
  kind: string
  profile?: string | null
  state: ProviderState
  /** What a trunk said last; null for the others. */
  why?: string | null
  last_event_at: string | null
  received: number
  duplicates: number
  unknown: number
  undecodable: number
  unknown_operators: string[]
}

export interface Board {
  seq: number
  now: string
  day_start: string
  operators: OperatorView[]
  queues: QueueView[]
  pops: Pop[]
  /** Null while the database does not answer. */
  today: Counts | null
  /** Null too for readers who see no episodes. */
  open_episodes: number | null
  oldest_episode_at: string | null
  providers: Provider[]
}

export interface FieldText {
  /** The way to the value, like `tiers[0].members[1]`; empty: the thing itself. */
  field: string
  code: string
  message: string
}

/** What a change of the configuration did. */
export interface Changed {
  changed: string[]
  warnings: FieldText[]
  /** Keys of the file that hold only after a restart. */
  restart: string[]
  /** With something taken away: calls that are still under way with it. */
  live_calls?: number
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
export type Settings = { [key: string]: Json }

/** An operator or a queue as it is configured. */
export interface Thing {
  name: string
  from: 'file' | 'pages'
  at?: string | null
  settings: Settings
}

export interface User {
  login: string
  role: Role
  queues: string[]
  operator: string | null
  disabled: boolean
  has_password: boolean
  from: 'file' | 'pages' | 'operator'
  created_at: string
}

export interface NewLink {
  link: string
  expires_at: string
}

/** How a call was told outside: a card at a CRM, or a note. */
export interface Delivery {
  stage: 'pop' | 'crm'
  target: string
  operator: string | null
  note: string | null
  id: string | null
  state: 'shown' | 'not_shown' | NoteState
  at: string | null
  why: string | null
}

/** A CRM or messenger, and how it fares. */
export interface Target {
  name: string
  kind: string
  dry_run: boolean
  /** `ok`, `dry_run`, `failing`, `limited`, or what the target calls it. */
  state: string
  why: string | null
  since: string
  works_at: string | null
  sent: number
  waiting: number
  dead: number
  unclear: number
  oldest_at: string | null
}

export interface ConsentPage {
  url: string
}

export interface VisitAddress {
  address: string
}

export interface TestMessage {
  note: string
}

export interface TargetTest {
  ok: boolean
  why: string | null
}

export type NoteState = 'pending' | 'in_flight' | 'ambiguous' | 'done' | 'skipped' | 'dead' | 'unclear'

/** A note of the outbox. */
export interface Note {
  id: string
  once_key: string
  target: string
  call: string | null
  kind: string
  revision: number
  state: NoteState
  tries: number
  due_at: string | null
  created_at: string
  ended_at: string | null
  why: string | null
}

export interface NoteDetail extends Note {
  body: Json
  external: Json
}
