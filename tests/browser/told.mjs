// What is told outside, behind the stand-in of the API: targets, and the notes of the outbox.

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString()

function note(id, target, kind, state, extra = {}) {
  return {
    id, once_key: `${target}/0193-2/${kind}`, target, call: '0193-2', kind, revision: 1, state, tries: 1, due_at: null,
    created_at: ago(900), ended_at: null, why: null, body: { note: kind, call: { client: '+998901234567' } }, external: null, ...extra,
  }
}

/** What is connected and what waits. */
export function outside() {
  return {
    targets: [
      { name: 'amo', kind: 'amocrm', dry_run: false, state: 'ok', why: null, since: ago(9000), works_at: ago(20), sent: 187, waiting: 0, dead: 1, unclear: 0, oldest_at: null },
      { name: 'bitrix', kind: 'bitrix24', dry_run: false, state: 'needs_reauth', why: 'invalid_grant', since: ago(1800), works_at: ago(2000), sent: 12, waiting: 41, dead: 0, unclear: 0, oldest_at: ago(1790) },
      { name: 'chiefs', kind: 'telegram', dry_run: true, state: 'dry_run', why: null, since: ago(9000), works_at: null, sent: 0, waiting: 0, dead: 0, unclear: 0, oldest_at: null },
    ],
    notes: [
      note('n1', 'amo', 'call', 'dead', { why: 'created_by: NotSupportedChoice', tries: 3, ended_at: ago(600) }),
      note('n2', 'bitrix', 'call', 'pending', { due_at: ago(-60), why: 'needs_reauth: invalid_grant' }),
      note('n3', 'amo', 'call_back', 'done', { ended_at: ago(800), external: { task: 77 } }),
      note('n4', 'chiefs', 'message', 'skipped', { call: null, ended_at: ago(300), why: 'dry run' }),
    ],
  }
}

const STATES = { stuck: ['dead', 'unclear'], waiting: ['pending', 'in_flight', 'ambiguous'] }
const missing = [404, { error: { code: 'not_found', message: 'there is no such note', trace: 't' } }]

/** The answer to a request below `/admin/crm` or `/outbox`; nothing for others. */
export function tell(state, method, url, body) {
  const [, first, id, act] = url.pathname.replace('/api/v1', '').replace('/admin/crm', '/targets').split('/')
  const { targets, notes } = state.outside
  if (first === 'targets') {
    if (act !== 'test') return [200, { items: targets }]
    return [200, id === 'bitrix' ? { ok: false, why: 'invalid_grant' } : { ok: true, why: null }]
  }
  if (first !== 'outbox') return undefined
  if (id === undefined) {
    const [target, wanted] = [url.searchParams.get('target'), url.searchParams.get('state')]
    const fits = (one) => (target === null || one.target === target) && (wanted === null || (STATES[wanted] ?? [wanted]).includes(one.state))
    return [200, { items: notes.filter(fits), next: null }]
  }
  const found = notes.find((one) => one.id === id)
  if (found === undefined) return missing
  if (method === 'GET') return [200, found]
  if (act === 'skip') Object.assign(found, { state: 'skipped', why: `dilnoza: ${body.reason}` })
  else Object.assign(found, { state: 'pending', due_at: ago(0) }, act === 'edit' ? { body: body.body } : {})
  return [204]
}
