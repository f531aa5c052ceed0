// A stand-in of the API for tests of the pages alone: the shapes of the real answers, a day of a
// small call centre, and a door for the test to send events through.
import http from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { administer, setup } from './setup.mjs'
import { outside, tell } from './told.mjs'

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

// What the real server sends, so that a page that breaks it breaks here.
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString()
const ahead = (seconds) => ago(-seconds)

export const NAMES = ['Dilnoza', 'Sardor', 'Jasur', 'Malika', 'Nodira', 'Bobur']

function operator(name, intent, reach, work, extra = {}) {
  return {
    id: NAMES.indexOf(name) + 1, name, login: name.toLowerCase(), intent, intent_since: ago(741),
    intent_by: { who: 'person' }, reach, reach_since: ago(900), work: { is: work }, work_since: ago(161),
    wrap_up_until: null, queues: ['sotuv', 'xizmat'], ...extra,
  }
}

export function pop(offer, state, extra = {}) {
  return {
    offer, call: `0193-${offer}`, operator: 'Dilnoza', state, client: '+998901234567', client_ref: 'n_67', client_kind: 'number',
    line: '+998712001122', queue: 'sotuv', direction: 'in', authority: 'observed', account: 'main', provider: 'sipuni',
    offered_at: ago(4), ...extra,
  }
}

export function call(n, extra = {}) {
  return {
    id: `0193-${n}`, call_key: `main/${n}.77`, provider: 'sipuni', account: 'main', authority: 'observed',
    direction: 'in', client_e164: '+998901234567', client_kind: 'number', line_e164: '+998712001122', queue: 'sotuv',
    rung: ['Dilnoza', 'Sardor'], answered_by: 'Sardor', handled_by: ['Sardor'], placed_by: null, missed: false,
    talk_seconds: 192.5, ring_seconds: 4.1, wait_seconds: 9.2, disposition: 'answered', outcome: 'answered',
    recording_url: null, started_at: ago(n * 700), ended_at: ago(n * 700 - 200), settled: true, result: null, ...extra,
  }
}

const missedCall = (n, extra = {}) =>
  call(n, { missed: true, disposition: 'missed', outcome: 'abandoned', answered_by: null, handled_by: [], talk_seconds: null, ...extra })

function episode(id, extra = {}) {
  return {
    id, client: '+998901234567', group: 'sotuv', queue: 'sotuv', count: 3, calls: ['0193-2', '0193-3', '0193-4'],
    first_at: ago(5400), last_at: ago(900), waited_seconds: 47.2, steps: [], reason: 'abandoned', state: { is: 'open' },
    owner: null, due_at: ago(60), overdue: true, attempts: [], step_at: null, ...extra,
  }
}

/** The world of one server. Tests change it and send events. */
export function world() {
  return {
    seq: Date.now() * 1000,
    me: {
      login: 'dilnoza', role: 'admin', operator: 'Dilnoza', queues: ['sotuv', 'xizmat'], language: 'uz',
      timezone: 'Asia/Tashkent', csrf: 'token', version: '0.1.0',
    },
    operators: [
      operator('Dilnoza', { is: 'ready' }, 'reachable', 'idle'),
      operator('Sardor', { is: 'ready' }, 'reachable', 'talking'),
      operator('Jasur', { is: 'break', reason: 'lunch', planned_end: ago(123) }, 'unknown', 'idle'),
      operator('Malika', { is: 'ready' }, 'unreachable', 'idle'),
      operator('Nodira', { is: 'offline' }, 'unknown', 'idle'),
      operator('Bobur', { is: 'ready' }, 'reachable', 'wrap_up', { wrap_up_until: ahead(20) }),
    ],
    queues: [
      { id: 1, name: 'sotuv', strategy: 'parallel', waiting: 2, longest_since: ago(47), ready: 1, signed_in: 4, members: 6, open: true },
      { id: 2, name: 'xizmat', strategy: 'round-robin', waiting: 0, longest_since: null, ready: 2, signed_in: 3, members: 3, open: true },
      { id: 3, name: 'tungi', strategy: 'linear', waiting: 0, longest_since: null, ready: 0, signed_in: 0, members: 1, open: false },
    ],
    pops: [],
    calls: [
      call(1, { result: 'order' }), missedCall(2), missedCall(3, { settled: false, outcome: null }),
      call(4, { client_e164: '+74951234567', answered_by: 'Dilnoza' }),
      call(5, { direction: 'out', disposition: 'no_answer', placed_by: 'Dilnoza', answered_by: null, talk_seconds: 0 }),
      call(6, { client_e164: null, client_kind: 'hidden', disposition: 'open', outcome: null, ended_at: null, settled: false }),
      call(7, { client_e164: { display: '+998 93 ••• •• 21', ref: 'n_7f3a7f3a7f3a7f3a' } }),
      call(8, { client_e164: '102', client_kind: 'extension', direction: 'internal', disposition: 'internal' }),
    ],
    episodes: [
      episode(1),
      episode(2, { client: '+998935552121', count: 1, owner: 'Dilnoza', state: { is: 'assigned' }, due_at: ahead(900), overdue: false, reason: 'abandoned_short', waited_seconds: 3, steps: [{ kind: 'assigned', owner: 'Sardor', at: ago(1500) }, { kind: 'reminded', owner: 'Sardor', at: ago(900) }, { kind: 'moved', owner: 'Dilnoza', at: ago(600) }], step_at: ahead(300), attempts: [{ call: '0193-5', operator: 'Sardor', at: ago(1200) }] }),
      episode(3, { client: '+998712000001', count: 2, owner: 'Sardor', state: { is: 'attempting', operator: 'Sardor', until: ahead(60) }, due_at: ahead(1800), overdue: false, reason: 'no_operators' }),
      episode(4, { client: null, count: 1, due_at: null, overdue: false, reason: 'timed_out', waited_seconds: null, steps: [{ kind: 'supervisor', owner: null, at: ago(300) }] }),
    ],
    providers: [
      { account: 'main', kind: 'sipuni', profile: null, state: 'ok', last_event_at: ago(3), received: 1214, duplicates: 12, unknown: 0, undecodable: 0, refused: 0, limited: 0, unknown_operators: [], hook_url: '' },
      { account: 'city', kind: 'uztelecom', profile: 'utel', state: 'degraded', last_event_at: ago(180), received: 310, duplicates: 0, unknown: 2, undecodable: 1, refused: 0, limited: 0, unknown_operators: ['ext:214'], hook_url: '' },
      { account: 'pbx', kind: 'onlinepbx', profile: null, state: 'not_configured', last_event_at: null, received: 0, duplicates: 0, unknown: 0, undecodable: 0, refused: 0, limited: 0, unknown_operators: [], hook_url: '' },
      { account: 'sarkor', kind: 'sip', profile: null, state: 'down', why: 'no answer', last_event_at: null, received: 0, duplicates: 0, unknown: 0, undecodable: 0, refused: 0, limited: 0, unknown_operators: [], hook_url: null },
    ],
    setup: setup(),
    outside: outside(),
    asked: [],
    fail: null,
    refuse: null,
    signedIn: true,
  }
}

const TOTAL = { offered: 214, answered: 187, missed: 19, abandoned: 12, abandoned_short: 3, timed_out: 2, no_operators: 2, closed: 0, service_level: 0.82 }

function stats(by) {
  const row = (key, answered, missed) => ({ ...TOTAL, key, offered: answered + missed, answered, missed, service_level: null })
  const rows = {
    hour: [9, 10, 11, 12, 13, 14, 15, 16, 17].map((hour, at) => row(String(hour), [12, 31, 35, 28, 14, 26, 24, 11, 6][at], [1, 2, 4, 6, 5, 1, 0, 0, 0][at])),
    queue: [row('sotuv', 120, 12), row('xizmat', 67, 7)],
    reason: [{ key: 'abandoned', missed: 12 }, { key: 'abandoned_short', missed: 3 }, { key: 'no_operators', missed: 4 }],
    provider: [row('main', 150, 10), row('city', 37, 9)],
    operator: NAMES.map((key, at) => ({ key, rung: 40 + at, won: 24 + at, no_answer: at, rejected: 0, busy: 0, unreachable: 1, caller_gone: 2, lost: 13 })),
  }
  return { by, from: ago(36000), to: ago(0), timezone: 'Asia/Tashkent', attribution: 'enqueue', formula: '', target_seconds: 20, short_seconds: 5, items: rows[by] ?? [], total: { ...TOTAL, key: '' } }
}

function answer(state, method, url, body) {
  const path = url.pathname.replace('/api/v1', '')
  const ok = (value) => [200, value]
  if (path === '/login') return body.password === 'wrong' ? refusal(401, 'unauthorised') : ((state.signedIn = true), ok(me(state)))
  if (path === '/password') return body.token === 'dead' ? refusal(403, 'link') : ((state.signedIn = true), ok(me(state)))
  if (!state.signedIn) return refusal(401, 'unauthorised')
  if (state.fail?.(path)) return refusal(500, 'internal', 'trace-8f2c')
  const refused = state.refuse?.(path)
  if (refused !== undefined && refused !== null) return refusal(409, 'conflict', 'trace-1', refused)
  const told = tell(state, method, url, body)
  if (told !== undefined) return told
  if (path.startsWith('/admin/')) return administer(state, method, path, body)
  const wrap = /^\/presence\/(.+)\/end-wrap-up$/.exec(path)
  if (wrap && method === 'POST') {
    const one = state.operators.find((each) => each.name === decodeURIComponent(wrap[1]))
    Object.assign(one, { work: { is: 'idle' }, work_since: ago(0), wrap_up_until: null })
    state.send('operator', one)
    return [204]
  }
  const declined = /^\/offers\/(\d+)\/decline$/.exec(path)
  if (declined) {
    state.send('pop', pop(Number(declined[1]), { is: 'ended', how: 'rejected' }, { authority: 'owned', provider: null }))
    return [204]
  }
  if (/^\/calls\/[^/]+\/disposition$/.test(path)) return [204]
  const presence = /^\/presence\/(.+)$/.exec(path)
  if (presence && method === 'PUT') {
    const one = state.operators.find((each) => each.name === decodeURIComponent(presence[1]))
    const end = body.intent.planned_end
    const intent = end ? { ...body.intent, planned_end: new Date(end).toISOString() } : body.intent
    Object.assign(one, { intent, intent_since: ago(0), intent_by: { who: 'person' } })
    state.send('operator', one)
    return [204]
  }
  const act = /^\/missed\/(\d+)\/(assign|close)$/.exec(path)
  if (act) {
    const one = state.episodes.find((each) => each.id === Number(act[1]))
    if (act[2] === 'assign') Object.assign(one, { owner: body.owner, state: { is: body.owner ? 'assigned' : 'open' } })
    else Object.assign(one, { state: { is: 'closed', how: 'dismissed', reason: body.reason, by: 'dilnoza', at: ago(0) } })
    state.send('episode', one)
    return [204]
  }
  if (path === '/logout') return (state.signedIn = false), [204]
  if (path === '/me') return ok(me(state))
  if (path === '/board') return ok(board(state))
  if (path === '/operators') return ok({ items: state.operators })
  if (path === '/providers') return ok({ items: state.providers })
  if (path === '/missed') {
    const wanted = url.searchParams.get('state')
    const isClosed = (one) => one.state.is === 'closed'
    const isWanted = (one) => (wanted === 'all' ? true : wanted === 'unassigned' ? one.state.is === 'open' : (wanted === 'closed') === isClosed(one))
    return ok({ items: state.episodes.filter(isWanted), next: null })
  }
  if (path === '/calls') {
    const client = url.searchParams.get('client')
    const items = state.calls.filter((one) => client === null || one.client_e164 === client || client === 'n_67')
    return ok({ items, next: url.searchParams.has('cursor') ? null : 'c2' })
  }
  if (path.endsWith('/explain')) return ok({ sentences: [{ text: 'Sotuv navbati: barchaga bir vaqtda.', cites: [] }, { text: 'Malika: telefon roʻyxatda emas.', cites: [] }] })
  if (path.startsWith('/calls/')) return ok(detail(state, path.split('/')[2]))
  if (path.startsWith('/stats/')) return ok(stats(url.searchParams.get('by') ?? 'hour'))
  return refusal(404, 'not_found')
}

const me = (state) => ({ ...state.me, now: ago(0) })
const refusal = (status, code, trace = 'trace-1', message = code) => [status, { error: { code, message, trace } }]

function board(state) {
  const open = state.episodes.filter((one) => one.state.is !== 'closed')
  return {
    seq: state.seq, now: ago(0), day_start: new Date(Math.floor((Date.now() + 18e6) / 864e5) * 864e5 - 18e6).toISOString(),
    operators: state.operators, queues: state.queues, pops: state.pops, today: TOTAL,
    open_episodes: open.length, oldest_episode_at: open[0]?.first_at ?? null, providers: state.providers,
  }
}

function detail(state, id) {
  const found = state.calls.find((one) => one.id === id) ?? missedCall(2, { id })
  return {
    call: found,
    entries: [{ id: 1, queue: 'sotuv', enqueued_at: ago(1400), done_at: ago(1353), outcome: found.outcome, wait_seconds: 47 }],
    offers: [
      { id: 1, entry: 1, operator: 'Dilnoza', offered_at: ago(1399), ringing_at: ago(1398), answered_at: null, over_at: ago(1379), end: 'no_answer', counts_as_miss: true },
      { id: 2, entry: 1, operator: 'Sardor', offered_at: ago(1399), ringing_at: ago(1398), answered_at: ago(1390), over_at: ago(1353), end: 'won', counts_as_miss: false },
    ],
    talks: [{ operator: 'Sardor', from: ago(1390), to: ago(1200) }],
    clients: [],
    deliveries: [
      { stage: 'pop', target: 'amo', operator: 'Dilnoza', note: null, id: null, state: 'not_shown', at: ago(1398), why: 'no user for Dilnoza' },
      { stage: 'crm', target: 'amo', operator: null, note: 'call', id: 'n1', state: 'dead', at: ago(600), why: 'created_by: NotSupportedChoice' },
    ],
    stages: [{ stage: 'provider', at: ago(1401) }, { stage: 'journal', at: ago(1400) }, { stage: 'routing', at: ago(1400) }, { stage: 'pop', at: ago(1400) }],
    raw: [{ seq: 4411, at: ago(1400), kind: 'call', provider: 'sipuni', method: 'GET', query: 'event=1&src_num=998901234567&dst_num=998712001122&call_id=1.77', body: '' }],
    decisions: [{ entry: 1, queue: 'sotuv', round: 1, at: ago(1400), waited_seconds: 0, steps: [], strategy: 'parallel', config: '1', tier: 0, seed: null, whole: true, members: [
      { operator: 'Dilnoza', tier: 0, key: 1, chosen: true, reasons: [] },
      { operator: 'Malika', tier: 0, key: 2, chosen: false, reasons: ['unreachable', 'on_break'] },
    ] }],
  }
}

/** Serves the pages in `dist` with the stand-in behind them. */
export async function fake(dist, state = world(), port = 0) {
  const streams = new Set()
  const frame = (id, event, data) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  state.send = (event, data) => {
    state.seq += 1
    for (const stream of streams) stream.write(frame(state.seq, event, data))
  }
  const server = http.createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url, 'http://localhost')
      response.setHeader('Content-Security-Policy', POLICY)
      if (url.pathname === '/api/v1/events') {
        if (!state.signedIn) return response.writeHead(401).end()
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
        response.write(`retry: 1000\n\n${frame(state.seq, 'hello', { now: ago(0) })}`)
        streams.add(response)
        const ping = setInterval(() => response.write(':\n\n'), 10_000)
        request.on('close', () => {
          clearInterval(ping)
          streams.delete(response)
        })
        return
      }
      if (url.pathname.startsWith('/api/')) {
        let text = ''
        for await (const part of request) text += part
        const body = text === '' ? null : JSON.parse(text)
        state.asked.push({ method: request.method, path: url.pathname + url.search, body, headers: request.headers })
        const [status, value] = answer(state, request.method, url, body)
        response.writeHead(status, { 'Content-Type': 'application/json' })
        return response.end(value === undefined ? '' : JSON.stringify(value))
      }
      const path = normalize(url.pathname).replace(/^(\.\.[/\\])+/, '')
      const file = extname(path) === '' ? 'index.html' : path
      try {
        const bytes = await readFile(join(dist, file))
        response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' })
        response.end(bytes)
      } catch {
        response.writeHead(404).end()
      }
    })()
  })
  await new Promise((done) => server.listen(port, '127.0.0.1', done))
  return {
    state,
    url: `http://127.0.0.1:${server.address().port}`,
    streams: () => streams.size,
    /** Ends at once, as a killed process does. */
    kill: () => {
      for (const stream of streams) stream.destroy()
      server.closeAllConnections()
      return new Promise((done) => server.close(done))
    },
  }
}
