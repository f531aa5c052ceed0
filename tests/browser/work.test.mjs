// What people do on the pages, against the stand-in: refuse a call, say what came of it, work on
// several missed calls at once, set up operators, queues and users.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { load, open } from './browser.mjs'
import { fake, pop } from './fake.mjs'

const DIST = process.env.NAVBAT_UI_DIST
const OWN = { operator: 'Dilnoza', authority: 'owned', provider: null }

let site, browser, page

before(async () => {
  site = await fake(DIST)
  browser = await open({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })
  page = browser.context.pages()[0]
})

after(async () => {
  await browser.close()
  await site.kill()
})

async function show(path) {
  await page.goto(`${site.url}/icon.svg`)
  await page.evaluate(() => localStorage.setItem('navbat.language', 'en'))
  await page.goto(site.url + path)
  await page.waitForSelector('.live.ok')
  await page.waitForFunction(() => document.querySelector('.skeleton') === null)
}

/** What was asked of the server with this method below this path, the latest last. */
const asked = (method, path) => site.state.asked.filter((one) => one.method === method && one.path.startsWith(`/api/v1${path}`))

async function objections() {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await readFile(load.resolve('axe-core/axe.min.js'), 'utf8'))
  return page.evaluate(async () => {
    const found = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`)
  })
}

describe('the card', () => {
  it('of a call that the provider distributes has no button to refuse it, and names the provider', async () => {
    await show('/panel')
    site.state.send('pop', pop(100, { is: 'ringing' }))
    await page.waitForSelector('[data-offer="100"]')
    assert.equal(await page.locator('.decline').count(), 0)
    assert.match(await page.innerText('[data-offer="100"] .where'), /distributed by Sipuni · main/)
    site.state.send('pop', pop(100, { is: 'taken_by', operator: 'Sardor' }))
  })

  it('is refused with F4; a refusal of the server is shown as it was told', async () => {
    await show('/panel')
    site.state.refuse = (path) => (path.endsWith('/decline') ? 'the account sipuni-main rings it: refuse it there' : null)
    site.state.send('pop', pop(101, { is: 'ringing' }, { ...OWN, authority: 'advised', provider: 'sipuni' }))
    await page.click('.decline')
    await page.waitForSelector('.actions [role=alert]')
    assert.match(await page.innerText('.actions [role=alert]'), /the account sipuni-main rings it: refuse it there/)
    assert.deepEqual(await objections(), [])
    site.state.refuse = null
    await page.keyboard.press('F4')
    await page.waitForSelector('.card[data-state=ended]')
    assert.equal(asked('POST', '/offers/101/decline').length, 2)
  })

  it('takes the result of a conversation by a key and by words, and ends the wrap-up', async () => {
    const [dilnoza] = site.state.operators
    Object.assign(dilnoza, { work: { is: 'wrap_up' }, wrap_up_until: new Date(Date.now() + 60_000).toISOString() })
    await show('/panel')
    site.state.send('pop', pop(102, { is: 'ringing' }, OWN))
    await page.waitForSelector('[data-offer="102"] .history li')
    site.state.send('pop', pop(102, { is: 'over', talk_seconds: 61 }, OWN))
    await page.waitForSelector('form.result')
    assert.deepEqual(await objections(), [])
    await page.keyboard.press('2')
    await page.waitForSelector('.result .ok:has-text("Question")')
    await page.fill('.result input', '3 litr sut')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.result .ok:has-text("3 litr sut")')
    assert.deepEqual(asked('POST', '/calls/0193-102/disposition').map((one) => one.body), [{ result: 'question' }, { result: '3 litr sut' }])
    assert.match(await page.innerText('.card .wrap-up'), /End the wrap-up\s+(0:5\d|1:00)/)
    await page.click('.card .wrap-up')
    await page.waitForFunction(() => document.querySelector('.wrap-up') === null)
    assert.equal(asked('POST', '/presence/Dilnoza/end-wrap-up').length, 1)
  })

  it('says in words that a program changed the presence', async () => {
    const [dilnoza] = site.state.operators
    const before = dilnoza.intent_by
    dilnoza.intent_by = { who: 'supervisor', login: 'token:crm' }
    await show('/panel')
    assert.match(await page.innerText('.presence'), /changed by the program “crm”/)
    assert.doesNotMatch(await page.innerText('body'), /token:/)
    dilnoza.intent_by = before
  })
})

describe('the wallboard', () => {
  it('has the providers and their state in words, also for a reader who only looks', async () => {
    const me = site.state.me
    site.state.me = { ...me, role: 'wallboard', operator: null }
    await page.goto(`${site.url}/board?tv=1`)
    await page.waitForSelector('.provider-strip')
    const lines = await page.locator('.provider-strip li').allInnerTexts()
    assert.match(lines[0], /SIP · sarkor[^]*Down[^]*no answer/, 'what must be mended comes first')
    assert.match(lines[1], /Uztelecom · city[^]*Degraded/)
    assert.match(lines[2], /Sipuni · main[^]*Working/)
    assert.match(lines[3], /OnlinePBX · pbx[^]*Not configured/)
    site.state.me = me
  })
})

describe('several missed calls', () => {
  const closes = () => asked('POST', '/missed/').filter((one) => one.path.endsWith('/close'))
  const assigns = () => asked('POST', '/missed/').filter((one) => one.path.endsWith('/assign'))

  it('are closed together, and taken back before anything is asked', async () => {
    await show('/missed')
    await page.getByLabel('Select all').check()
    await page.waitForSelector('text=3 selected')
    const close = page.locator('.bar').getByRole('button', { name: 'Close' })
    await close.click()
    await page.fill('dialog textarea', 'spam')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.undo:has-text("3 tasks will be closed")')
    assert.equal(await page.locator('tr.waits').count(), 3)
    assert.deepEqual(await objections(), [])
    await page.click('.undo button')
    await page.waitForFunction(() => document.querySelector('.undo, tr.waits') === null)
    assert.equal(closes().length, 0)
  })

  it('a range with Shift goes to one operator; one that is refused is named', async () => {
    await show('/missed')
    const boxes = page.locator('tbody input[type=checkbox]:enabled')
    await boxes.nth(0).click()
    await boxes.nth(2).click({ modifiers: ['Shift'] })
    await page.waitForSelector('text=3 selected')
    await page.getByRole('button', { name: 'Assign the selected' }).click()
    await page.selectOption('select[name=assignee]', 'Bobur')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.undo:has-text("3 tasks will go to Bobur")')
    site.state.refuse = (path) => (path === '/missed/4/assign' ? 'somebody is dialling it' : null)
    await page.waitForSelector('.notice.bad')
    site.state.refuse = null
    assert.equal(closes().length, 0, 'what was taken back before stays so')
    assert.match(await page.innerText('.notice.bad'), /somebody is dialling it/)
    assert.deepEqual(assigns().map((one) => one.body.owner), ['Bobur', 'Bobur', 'Bobur'])
    await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].filter((row) => row.innerText.includes('Bobur')).length === 2)
  })

  it('a row tells the steps towards a call back', async () => {
    await show('/missed')
    const row = page.locator('tbody tr', { hasText: '93 555 21 21' })
    await row.locator('summary').click()
    const lines = await row.locator('.done li').allInnerTexts()
    assert.equal(lines.length, 4)
    assert.match(lines.join('\n'), /Sardor[\s\S]*Sardor[\s\S]*Dilnoza/)
    assert.match(await row.innerText(), /next step: /)
  })
})

describe('the set-up', () => {
  it('makes a queue, with what is wrong beside its field', async () => {
    await show('/admin/queues')
    await page.click('text=New queue')
    await page.fill('[name=name]', 'kechki')
    await page.fill('[name=ring]', '20x')
    await page.fill('[name=callers_max]', 'many')
    await page.getByRole('button', { name: 'Add a tier' }).click()
    await page.selectOption('select[name="tiers[0].members"]', 'Malika')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('[name=ring][aria-invalid]')
    const saidBeside = (name) => page.evaluate((name) => {
      const ids = document.getElementsByName(name)[0].getAttribute('aria-describedby').split(' ')
      return ids.map((id) => document.getElementById(id).innerText).join(' ')
    }, name)
    assert.match(await saidBeside('ring'), /not a length/)
    assert.match(await saidBeside('callers_max'), /not a whole number/)
    assert.match(await page.innerText('.seats .said'), /"Malika" is disabled/)
    assert.deepEqual(await objections(), [])
    await page.fill('[name=ring]', '25s')
    await page.fill('[name=callers_max]', '12')
    await page.getByRole('button', { name: 'Malika: take away' }).click()
    await page.selectOption('select[name="tiers[0].members"]', 'Jasur')
    await page.selectOption('select[name="tiers[0].members"]', 'Bobur')
    await page.getByRole('button', { name: 'Bobur: up' }).click()
    await page.fill('[name="tiers[0].members[1].weight"]', '5')
    await page.getByRole('button', { name: 'Add a step' }).click()
    await page.fill('[name="overflow[0].after"]', '2m')
    await page.getByLabel('A pause after misses').check()
    await page.fill('[name="auto_pause.misses"]', '2')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.changes')
    assert.deepEqual(asked('POST', '/admin/queues').at(-1).body, {
      name: 'kechki',
      settings: {
        tiers: [{ members: ['Bobur', { name: 'Jasur', weight: 5 }] }],
        ring: '25s', callers_max: 12, overflow: [{ after: '2m', to: 'callback' }], auto_pause: { misses: 2 },
      },
    })
    assert.match(await page.innerText('.changes'), /kechki: saved[\s\S]*\+ queue kechki/)
    await page.waitForSelector('tbody tr:has-text("kechki")')
    assert.deepEqual(await objections(), [])
  })

  it('changes an operator and keeps what the form does not know', async () => {
    site.state.setup.operators[1].settings.later = 'kept'
    await show('/admin/operators?edit=Jasur')
    await page.fill('[name=aliases]', 'main:203\nnowhere:1')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('[name=aliases][aria-invalid]')
    await page.fill('[name=aliases]', 'main:203\ncity:jasur')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.changes')
    assert.deepEqual(asked('PUT', '/admin/operators/Jasur').at(-1).body.settings, {
      aliases: ['main:203', 'city:jasur'], skills: ['ru'], ready: 'always', disabled: false, later: 'kept',
    })
  })

  it('shows what stands in the file and lets nobody change it', async () => {
    await show('/admin/queues')
    const row = page.locator('tbody tr', { hasText: 'sotuv' }).first()
    assert.match(await row.innerText(), /\/etc\/navbat\/navbat\.toml:63:1/)
    assert.equal(await row.getByRole('button').count(), 0)
    await row.getByRole('link', { name: 'View' }).click()
    await page.waitForSelector('form.thing')
    assert.match(await page.innerText('form.thing'), /navbat\.toml:63:1/)
    assert.equal(await page.locator('form.thing :is(input, select, textarea):not(:disabled)').count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Save' }).count(), 0)
  })

  it('disables and deletes after a question, and tells why not', async () => {
    await show('/admin/operators')
    const row = (name) => page.locator('tbody tr', { hasText: name })
    await row('Nodira').getByRole('button', { name: 'Enable' }).click()
    await row('Nodira').getByRole('button', { name: 'Disable' }).waitFor()
    assert.deepEqual(asked('POST', '/admin/operators/Nodira/disable').at(-1).body, { disabled: false })
    await row('Jasur').getByRole('button', { name: 'Delete' }).click()
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.waitForSelector('tr .notice.bad')
    assert.match(await page.innerText('tr .notice.bad'), /queue tungi names the operator Jasur/)
    await row('Nodira').getByRole('button', { name: 'Delete' }).click()
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.waitForFunction(() => ![...document.querySelectorAll('tbody tr')].some((row) => row.innerText.includes('Nodira')))
    assert.match(await page.innerText('.changes'), /Nodira: deleted[\s\S]*Calls under way: 2/)
  })

  it('shows the link of a new user once', async () => {
    await show('/admin/users')
    await page.click('text=New user')
    await page.fill('[name=login]', 'Lola!')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('[name=login][aria-invalid]')
    await page.fill('[name=login]', 'lola')
    await page.selectOption('[name=role]', 'integrator')
    await page.getByLabel('tungi').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.link input')
    assert.deepEqual(asked('POST', '/admin/users').at(-1).body, { login: 'lola', role: 'integrator', queues: ['tungi'] })
    assert.match(await page.inputValue('.link input'), /\/setup#/)
    assert.deepEqual(await objections(), [])
    await page.getByRole('button', { name: 'Copied, close it' }).click()
    await page.waitForFunction(() => !document.body.innerHTML.includes('/setup#'))
    await page.locator('tbody tr', { hasText: 'lola' }).getByRole('button', { name: 'Password link' }).click()
    await page.waitForSelector('.link input')
    await page.click('nav.tabs a[href="/admin/queues"]')
    await page.click('nav.tabs a[href="/admin/users"]')
    await page.waitForSelector('tbody tr:has-text("lola")')
    assert.equal(await page.locator('.link').count(), 0)
  })

  it('reads the file again: what changed, what waits for a restart, what is wrong', async () => {
    await show('/admin/operators')
    site.state.setup.operators.push({ name: 'Ravshan', from: 'file', at: '/etc/navbat/navbat.toml:90:1', settings: {} })
    await page.click('.reload button')
    await page.waitForSelector('.reload .changes')
    await page.waitForSelector('tbody tr:has-text("Ravshan")')
    const told = await page.innerText('.reload')
    assert.match(told, /\+ queue kechki[\s\S]*restart[\s\S]*web\.listen[\s\S]*database\.url/)
    const fields = [{ field: 'navbat.toml:12:3', code: 'unknown-key', message: 'unknown key `rign`; did you mean ring?' }]
    site.state.setup.reload = [400, { error: { code: 'bad_fields', message: 'x', trace: 't', fields } }]
    await page.click('.reload header button')
    await page.waitForSelector('.reload .notice.bad')
    assert.match(await page.innerText('.reload .notice.bad'), /navbat\.toml:12:3[\s\S]*did you mean ring/)
  })

  it('tells what is connected and what is stuck, and tests a target', async () => {
    await show('/admin/crm')
    assert.match(await page.innerText('tbody tr:first-child'), /bitrix[\s\S]*Authorisation has ended[\s\S]*invalid_grant/)
    await page.locator('tbody tr', { hasText: 'bitrix' }).getByRole('button', { name: 'Test' }).click()
    await page.waitForSelector('text=Failed: invalid_grant')
    await page.locator('tbody tr', { hasText: 'amocrm' }).locator('a.bad').click()
    await page.waitForSelector('text=created_by: NotSupportedChoice')
    assert.equal(new URL(page.url()).search, '?target=amo&state=stuck')
    assert.equal(await page.locator('tbody tr').count(), 1)
  })

  it('mends a dead note and sends it, and gives one up with a reason', async () => {
    await show('/admin/outbox')
    const row = (text) => page.locator('tbody tr', { hasText: text })
    await row('NotSupportedChoice').getByRole('button', { name: 'View' }).click()
    await page.fill('dialog textarea', '{ broken')
    await page.getByRole('button', { name: 'Mend it and send again' }).click()
    await page.waitForSelector('dialog .notice.bad')
    assert.match(await page.innerText('dialog .notice.bad'), /not JSON/)
    assert.deepEqual(await objections(), [])
    await page.fill('dialog textarea', '{"note":"call","call":{}}')
    await page.getByRole('button', { name: 'Mend it and send again' }).click()
    await page.waitForFunction(() => document.querySelector('dialog') === null)
    assert.deepEqual(asked('POST', '/outbox/n1/edit').at(-1).body, { body: { note: 'call', call: {} } })
    await row('bitrix').getByRole('button', { name: 'Give up' }).click()
    await page.fill('dialog [name=reason]', 'the portal is closed')
    await page.locator('dialog').getByRole('button', { name: 'Give up' }).click()
    await page.waitForSelector('text=dilnoza: the portal is closed')
    assert.deepEqual(asked('POST', '/outbox/n2/skip').at(-1).body, { reason: 'the portal is closed' })
  })

  it('is queues, connections and outbox for an integrator, and nothing for others', async () => {
    const me = site.state.me
    site.state.me = { ...me, role: 'integrator', operator: null }
    await page.goto(`${site.url}/admin`)
    await page.waitForSelector('tbody tr:has-text("sotuv")')
    assert.equal(await page.locator('.reload').count(), 0)
    assert.equal(await page.locator('nav.tabs a').count(), 3)
    site.state.me = { ...me, role: 'supervisor' }
    await page.goto(`${site.url}/admin/users`)
    await page.waitForSelector('.empty')
    assert.match(await page.innerText('.empty'), /not for your role/)
    site.state.me = me
  })

  it('tells the defaults that the configuration has', async () => {
    const written = await readFile(new URL('../../config.example.toml', import.meta.url), 'utf8')
    await show('/admin/queues?new=1')
    await page.selectOption('[name=strategy]', 'progressive')
    for (const name of ['sticky', 'auto_pause']) await page.check(`[name=${name}]`)
    const inputs = await page.$$eval('form.thing input:not([type=checkbox])', (all) => all.map((one) => [one.name, one.placeholder]))
    const shown = inputs.filter(([, placeholder]) => /^\d/.test(placeholder))
    assert.ok(shown.length >= 16, String(shown))
    for (const [name, placeholder] of shown) {
      const [key, below] = name.split('.')
      const line = written.split('\n').find((one) => new RegExp(`^#${key}\\s+=`).test(one)) ?? ''
      const found = below === undefined ? /= *"?([^"\s]+)"?/.exec(line) : new RegExp(`${below} = "?([^", }]+)`).exec(line)
      assert.equal(found?.[1], placeholder, `${name}: ${line}`)
    }
  })
})
