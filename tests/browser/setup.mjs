// The set-up behind the stand-in of the API: operators, queues and users, what is refused and how.

const QUEUE = {
  strategy: 'parallel', tier_mode: 'cumulative', numbers: 'masked', ring: '20s', ring_min: '5s', retry: '5s', confirm: '400ms',
  split: true, fanout_max: 50, callers_max: 100, wait_max: '5m', wrap_up: '10s', callback_due: '15m',
  service_level: { target: '20s', short: '5s' }, progressive: { first: 1, step: '5s' }, skills: [],
}
const FILE = '/etc/navbat/navbat.toml'
const changed = (...lines) => ({ changed: lines, warnings: [], restart: [] })
const link = () => ({ link: 'https://navbat.example.uz/setup#3q2-7wAAbbCCddEEffGGhhIIjjKKllMM', expires_at: new Date(Date.now() + 864e5).toISOString() })
const bad = (...fields) => [400, { error: { code: 'bad_fields', message: 'some fields do not fit', trace: 'trace-9', fields: fields.map(([field, message]) => ({ field, code: 'bad-value', message })) } }]
const conflict = (message) => [409, { error: { code: 'conflict', message, trace: 'trace-9' } }]

/** What stands in the file and what was made in the pages. */
export function setup() {
  return {
    operators: [
      { name: 'Dilnoza', from: 'file', at: `${FILE}:41:1`, settings: { login: 'dilnoza', aliases: ['main:201', 'city:dilnoza'], skills: [], ready: 'panel', disabled: false } },
      { name: 'Jasur', from: 'pages', at: null, settings: { aliases: ['main:203'], skills: ['ru'], ready: 'always', disabled: false } },
      { name: 'Nodira', from: 'pages', at: null, settings: { login: 'nodira', aliases: [], skills: [], ready: 'panel', disabled: true, dial: { prefixes: ['+998'], calls_max: 1, per_minute: 10, per_day: 50 } } },
    ],
    queues: [
      { name: 'sotuv', from: 'file', at: `${FILE}:63:1`, settings: { ...QUEUE, group: 'sotuv', calendar: 'office', tiers: [{ after: '0s', members: ['Dilnoza', 'Sardor'] }] } },
      { name: 'tungi', from: 'pages', at: null, settings: { ...QUEUE, group: 'tungi', strategy: 'linear', ring: '9s', tiers: [{ after: '0s', members: [{ name: 'Jasur', weight: 5 }, 'Bobur'] }, { after: '15s', members: ['Malika'] }], overflow: [{ after: '3m', to: 'queue:sotuv' }] } },
    ],
    users: [
      { login: 'admin', role: 'admin', queues: [], operator: null, disabled: false, has_password: true, from: 'pages', created_at: '2026-11-01T04:00:00Z' },
      { login: 'nargiza', role: 'supervisor', queues: [], operator: null, disabled: false, has_password: true, from: 'file', created_at: '2026-11-01T04:00:00Z' },
      { login: 'dilnoza', role: 'operator', queues: [], operator: 'Dilnoza', disabled: false, has_password: true, from: 'operator', created_at: '2026-11-01T04:00:00Z' },
      { login: 'zafar', role: 'supervisor', queues: ['sotuv'], operator: null, disabled: false, has_password: false, from: 'pages', created_at: '2026-11-20T04:00:00Z' },
    ],
    reload: [200, { changed: ['+ queue kechki', '  queue.sotuv.ring: "20s" → "25s"'], warnings: [], restart: ['web.listen', 'database.url'] }],
  }
}

function judged(kind, settings) {
  const wrong = []
  if (settings.ring !== undefined && !/^\d+(ms|s|m|h|d)$/.test(settings.ring)) wrong.push(['ring', 'not a length; write "20s"'])
  if (settings.callers_max !== undefined && !(settings.callers_max > 0)) wrong.push(['callers_max', 'not a whole number'])
  settings.aliases?.forEach((alias, at) => {
    if (alias.includes(':') && !/^(main|city|pbx):/.test(alias)) wrong.push([`aliases[${at}]`, `no provider or trunk is called "${alias.split(':')[0]}"`])
  })
  settings.tiers?.forEach((tier, at) => {
    if (at > 0 && tier.after === undefined) wrong.push([`tiers[${at}].after`, 'a tier opens later than the one before it'])
    tier.members.forEach((one, seat) => {
      if ((one.name ?? one) === 'Malika') wrong.push([`tiers[${at}].members[${seat}]`, '"Malika" is disabled'])
    })
  })
  if (settings.sip !== undefined) wrong.push(['sip', '`sip` holds a secret and cannot be made in the pages'])
  return wrong
}

/** The answer to a request below `/admin`. */
export function administer(state, method, path, body) {
  const { setup } = state
  const [, , kind, encoded, act] = path.split('/')
  const name = encoded === undefined ? undefined : decodeURIComponent(encoded)
  if (kind === 'reload') return setup.reload
  const list = setup[kind]
  if (list === undefined) return [404, { error: { code: 'not_found', message: 'no', trace: 't' } }]
  if (kind === 'users') return users(state, method, { name, act }, body)
  if (method === 'GET') return [200, { items: list }]
  const found = list.find((one) => one.name === name)
  if (method === 'POST' && name === undefined) {
    if (list.some((one) => one.name === body.name)) return conflict(`there is such a ${kind.slice(0, -1)} already: ${body.name}`)
    if (kind === 'queues' && !/^[a-z0-9-]+$/.test(body.name)) return bad(['', `"${body.name}" is no name; use a-z, 0-9 and -`])
  } else if (found === undefined) return [404, { error: { code: 'not_found', message: 'there is no such thing', trace: 't' } }]
  else if (found.from === 'file') return conflict(`${name} stands at ${found.at}: change it there`)
  if (method === 'DELETE') {
    if (name === 'Jasur') return conflict('queue tungi names the operator Jasur: take them out there first')
    setup[kind] = list.filter((one) => one !== found)
    return [200, { ...changed(`- ${kind.slice(0, -1)} ${name}`), live_calls: 2 }]
  }
  if (act === 'disable') {
    found.settings.disabled = body.disabled
    return [200, changed(`  operator.${name}.disabled: ${!body.disabled} → ${body.disabled}`)]
  }
  const wrong = judged(kind, body.settings)
  if (wrong.length > 0) return bad(...wrong)
  if (found !== undefined) {
    found.settings = body.settings
    return [200, changed(`  ${kind.slice(0, -1)}.${name}.ring: "9s" → "20s"`)]
  }
  list.push({ name: body.name, from: 'pages', at: null, settings: kind === 'queues' ? { ...QUEUE, group: body.name, ...body.settings } : body.settings })
  const warnings = body.settings.tiers?.length > 0 ? [] : [{ field: 'tiers', code: 'empty', message: 'nobody answers here' }]
  return [201, { ...changed(`+ ${kind.slice(0, -1)} ${body.name}`), warnings: kind === 'queues' ? warnings : [] }]
}

function users(state, method, { name, act }, body) {
  const { setup } = state
  if (method === 'GET') return [200, { items: setup.users }]
  const found = setup.users.find((one) => one.login === name)
  if (method === 'POST' && name === undefined) {
    if (!/^[a-z0-9-]+$/.test(body.login)) return bad(['login', `"${body.login}" is no name; use a-z, 0-9 and -`])
    setup.users.push({ ...body, operator: null, disabled: false, has_password: false, from: 'pages', created_at: new Date().toISOString() })
    return [201, link()]
  }
  if (act === 'link') return [201, link()]
  if (method === 'DELETE') {
    setup.users = setup.users.filter((one) => one !== found)
    return [204]
  }
  Object.assign(found, body)
  return act === 'disable' ? [204] : [200, changed(`  user.${name}.role: "supervisor" → "${body.role}"`)]
}
