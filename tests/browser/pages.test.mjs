// Every page in a real browser, in four languages and both themes: nothing that axe objects to,
// no sideways scrolling, nothing asked of another server, and a first paint that stays small.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { load, open } from './browser.mjs'
import { fake, pop } from './fake.mjs'

const DIST = process.env.NAVBAT_UI_DIST
const LANGUAGES = ['uz', 'uz-Cyrl', 'ru', 'en']
const THEMES = ['light', 'dark']
const WIDTHS = [360, 768, 1280, 1920]
const PAGES = [
  '/login', '/setup#token', '/panel', '/board', '/board?by=operator', '/board?tv=1', '/missed', '/calls', '/calls/0193-2', '/nowhere',
  '/admin/operators', '/admin/queues', '/admin/users', '/admin/queues?edit=tungi', '/admin/queues?edit=sotuv', '/admin/operators?edit=Nodira', '/admin/users?edit=zafar', '/admin/crm', '/admin/outbox', '/admin/outbox?state=stuck',
]

/** Script and style that the first page needs, in bytes after gzip. */
const SCRIPT_MAX = 45 * 1024
const STYLE_MAX = 6 * 1024

let site, browser, page
const elsewhere = []
const complaints = []

before(async () => {
  site = await fake(DIST)
  browser = await open({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })
  page = browser.context.pages()[0]
  page.on('request', (request) => {
    if (!request.url().startsWith(site.url) && !request.url().startsWith('data:')) elsewhere.push(request.url())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    const isAsked = /status of (400|401|403|409|500)/.test(message.text()) || message.location().url.endsWith('/favicon.ico')
    if (message.type() === 'error' && !isAsked) complaints.push(`${message.text()} ${message.location().url}`)
  })
})

after(async () => {
  await browser.close()
  await site.kill()
})

async function show(path, language, theme) {
  site.state.signedIn = path !== '/login'
  await page.goto('about:blank')
  await page.goto(`${site.url}/icon.svg`)
  await page.evaluate(([l, t]) => {
    localStorage.setItem('navbat.language', l)
    localStorage.setItem('navbat.theme', t)
  }, [language, theme])
  await page.goto(site.url + path)
  await page.waitForSelector(path === '/login' || path.startsWith('/setup') ? 'form' : '#main')
  await page.waitForFunction(() => document.querySelector('.skeleton') === null)
  if (path !== '/login' && !path.startsWith('/setup')) await page.waitForSelector('.live.ok')
  if (path === '/panel') {
    site.state.send('pop', pop(Math.floor(Math.random() * 1e9), { is: 'ringing' }, { operator: 'Dilnoza' }))
    await page.waitForSelector('[role=alertdialog] .history li')
  }
}

/** Waits for something outside the page. */
async function until(isSo) {
  const deadline = Date.now() + 10_000
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it never became so')
    await new Promise((done) => setTimeout(done, 20))
  }
}

/** Sets the width and waits until the page has laid itself out for it. */
async function resize(width) {
  await page.setViewportSize({ width, height: 900 })
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))))
}

async function objections() {
  if (!(await page.evaluate(() => 'axe' in window))) {
    // Through the protocol, because the content policy rightly forbids a strange script.
    await page.evaluate(await readFile(load.resolve('axe-core/axe.min.js'), 'utf8'))
  }
  return page.evaluate(async () => {
    const found = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`)
  })
}

for (const path of PAGES) {
  describe(path, () => {
    for (const language of LANGUAGES) {
      for (const theme of THEMES) {
        it(`${language} ${theme}`, async () => {
          await resize(1280)
          await show(path, language, theme)
          assert.equal(await page.getAttribute('html', 'lang'), language)
          assert.deepEqual(await objections(), [])
          for (const width of WIDTHS) {
            await resize(width)
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
            assert.ok(over <= 0, `${over} px too wide at ${width}`)
            if (width === 360 && theme === 'light') assert.deepEqual(await objections(), [], 'at 360')
          }
        })
      }
    }
  })
}

describe('a page in trouble', () => {
  it('says what failed, with the number of the request', async () => {
    site.state.fail = (path) => path === '/calls'
    await show('/calls', 'uz', 'light')
    await page.waitForSelector('.notice.bad')
    assert.match(await page.innerText('.notice.bad'), /trace-8f2c/)
    assert.deepEqual(await objections(), [])
    site.state.fail = null
  })

  it('says that there is nothing, and what to do next', async () => {
    const kept = site.state.episodes
    site.state.episodes = []
    await show('/missed', 'uz', 'light')
    assert.match(await page.innerText('.empty'), /Hamma mijozlarga javob berilgan/)
    site.state.episodes = kept
  })

  it('asks to sign in again when the session has ended', async () => {
    await show('/missed', 'en', 'light')
    site.state.signedIn = false
    await page.selectOption('select[name=state]', 'all')
    await page.waitForSelector('form input[name=password]')
    assert.match(await page.innerText('main'), /session has ended/)
  })
})

describe('signing in', () => {
  it('refuses a wrong password and takes the right one', async () => {
    await show('/login', 'en', 'light')
    await page.fill('[name=login]', 'dilnoza')
    await page.fill('[name=password]', 'wrong')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.notice.bad')
    await page.fill('[name=password]', 'right')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/board')
  })

  it('sets the first password by a link and refuses a short one', async () => {
    await show('/setup#token', 'en', 'light')
    await page.fill('[name=password]', 'short')
    await page.fill('[name=repeat]', 'short')
    await page.locator('form').evaluate((form) => (form.noValidate = true))
    await page.keyboard.press('Enter')
    await page.waitForSelector('.notice.bad')
    await page.fill('[name=password]', 'long enough')
    await page.fill('[name=repeat]', 'long enough')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/board')
    const asked = site.state.asked.findLast((one) => one.path === '/api/v1/password')
    assert.deepEqual(asked.body, { token: 'token', password: 'long enough' })
  })
})

describe('presence and the workbench', () => {
  it('a break carries its reason and planned end, and the request its token and key', async () => {
    await show('/panel', 'en', 'light')
    await page.click('.choice.break')
    await page.selectOption('select[name=reason]', 'lunch')
    await page.selectOption('select[name=minutes]', '30')
    await page.click('.break-form .main')
    await page.waitForSelector('.choice.break[aria-pressed=true]')
    const asked = site.state.asked.findLast((one) => one.method === 'PUT')
    assert.equal(asked.body.intent.reason, 'lunch')
    assert.ok(Math.abs(asked.body.intent.planned_end - Date.now() - 30 * 60_000) < 5000)
    assert.equal(asked.headers['x-csrf-token'], 'token')
    assert.match(asked.headers['idempotency-key'], /^[0-9a-f]{32}$/)
  })

  it('keys choose the presence by their place, in any layout, and not while somebody types', async () => {
    await show('/panel', 'uz', 'light')
    await page.evaluate(() => {
      for (const [key, code] of [['з', 'KeyP'], ['1', 'Digit1']]) {
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))
      }
    })
    await page.waitForSelector('.choice.ready[aria-pressed=true]')
  })

  it('takes, and closes with a reason', async () => {
    await show('/missed', 'en', 'light')
    await page.locator('tbody tr', { hasText: '+998 90 123 45 67' }).getByRole('button', { name: 'Take it' }).click()
    await page.waitForSelector('tbody tr:has-text("90 123 45 67") >> text=Dilnoza')
    await page.locator('tbody tr', { hasText: '+998 90 123 45 67' }).getByRole('button', { name: 'Close' }).click()
    await page.fill('dialog textarea', 'wrong number')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForSelector('.undo')
    assert.equal(site.state.asked.some((one) => one.path.endsWith('/close')), false, 'nothing yet')
    // Leaving the page by a link carries it out.
    await page.click('nav a[href="/calls"]')
    await until(() => site.state.asked.some((one) => one.path.endsWith('/close')))
    const asked = site.state.asked.findLast((one) => one.path.endsWith('/close'))
    assert.deepEqual(asked.body, { reason: 'wrong number' })
  })
})

describe('all of it', () => {
  it('asks nothing of another server and breaks no rule of the content policy', () => {
    assert.deepEqual(elsewhere, [])
    assert.deepEqual(complaints, [])
  })

  it('stays within the budget of the first paint', async () => {
    const html = await readFile(join(DIST, 'index.html'), 'utf8')
    const sizes = { js: 0, css: 0 }
    const named = [...html.matchAll(/\/assets\/([^"']+\.(js|css))/g)]
    const workers = (await readdir(join(DIST, 'assets'))).filter((name) => name.startsWith('worker'))
    for (const [name, kind] of [...named.map((one) => [one[1], one[2]]), ...workers.map((name) => [name, 'js'])]) {
      sizes[kind] += gzipSync(await readFile(join(DIST, 'assets', name))).length
    }
    assert.ok(sizes.js > 0 && sizes.js <= SCRIPT_MAX, `${sizes.js} bytes of script`)
    assert.ok(sizes.css > 0 && sizes.css <= STYLE_MAX, `${sizes.css} bytes of style`)
  })
})
