// The main job, end to end: a provider's webhook goes in, the operator's card is painted while
// the telephone rings, a colleague answers and the card says who. Against the real server.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { open } from './browser.mjs'
import { Server } from './server.mjs'

const PASSWORD = 'a password of the tests'
const NUMBER = '998901234567'
const SHOWN = '+998 90 123 45 67'

/** From the webhook to the painted card, in milliseconds; the design's hard limit. */
const CARD_WITHIN = 1000

/** From the server's death to the badge. */
const BADGE_WITHIN = 1000

let server
let last = 0
const browsers = []
const newCall = () => `1795150800.${100_000 + (last += 1)}`

/** A browser of its own in which this operator is signed in and looks at the panel. */
async function desk(name) {
  const browser = await open({ viewport: { width: 1280, height: 900 } })
  browsers.push(browser)
  const page = browser.context.pages()[0]
  await page.goto(`${server.url}/login`)
  await page.fill('[name=login]', name.toLowerCase())
  await page.fill('[name=password]', PASSWORD)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/panel')
  await page.waitForSelector('.live.ok')
  await page.click('.choice.ready')
  await page.waitForSelector('.choice.ready[aria-pressed=true]')
  return { page, context: browser.context }
}

/** Does something and says how long the page took to show what followed. */
async function timed(act, shown) {
  const from = performance.now()
  await Promise.all([shown, act])
  return performance.now() - from
}

before(async () => {
  server = await Server.create()
  const key = await server.start()
  assert.ok(key, `no first-run link was printed:\n${server.said}`)
  await server.people(key, PASSWORD)
})

after(async () => {
  for (const browser of browsers) await browser.close()
  await server.remove()
})

describe('a call told by webhooks', () => {
  let dilnoza, sardor

  before(async () => {
    dilnoza = await desk('Dilnoza')
    sardor = await desk('Sardor')
  })

  it('paints the card while the telephone rings, and says who took it', async () => {
    const id = newCall()
    await server.arrives(id, NUMBER)
    const card = dilnoza.page.waitForSelector(`[role=alertdialog]:has-text("${SHOWN}")`)
    const took = await timed(server.rings(id, NUMBER, '201'), card)
    assert.ok(took < CARD_WITHIN, `the card took ${took.toFixed(0)} ms`)
    console.log(`    webhook to painted card: ${took.toFixed(0)} ms`)
    const text = await dilnoza.page.innerText('.card')
    assert.match(text, /sotuv/)
    assert.match(text, /taqsimlash: Sipuni · sipuni-main/)

    await server.rings(id, NUMBER, '202')
    await sardor.page.waitForSelector(`[role=alertdialog]:has-text("${SHOWN}")`)
    const taken = dilnoza.page.waitForSelector('.card[data-state=taken_by]:has-text("Sardor")')
    await timed(server.answers(id, NUMBER, '202'), taken)
    await sardor.page.waitForSelector('.card[data-state=talking]')
    await dilnoza.page.waitForSelector('.card.waiting')

    await server.ends(id, NUMBER, '202', Math.floor(Date.now() / 1000))
    await sardor.page.waitForSelector('.card[data-state=over]')
    await sardor.page.waitForSelector('.card.waiting, .card[data-state=over]')
  })

  it('says that the caller has gone, and keeps the missed call', async () => {
    const id = newCall()
    await server.arrives(id, NUMBER)
    await server.rings(id, NUMBER, '201')
    await dilnoza.page.waitForSelector('[role=alertdialog]')
    await server.ends(id, NUMBER, '201')
    await dilnoza.page.waitForFunction(() => document.querySelector('[role=alertdialog]') === null)
    await dilnoza.page.goto(`${server.url}/calls?missed=true`)
    await dilnoza.page.waitForSelector(`tbody tr:has-text("${SHOWN}")`)
    await dilnoza.page.goto(`${server.url}/panel`)
    await dilnoza.page.waitForSelector('.live.ok')
  })

  it('shows the last calls of the number in the card', async () => {
    const id = newCall()
    await server.arrives(id, NUMBER)
    await server.rings(id, NUMBER, '201')
    await dilnoza.page.waitForSelector('[role=alertdialog] .history li')
    await server.ends(id, NUMBER, '201')
  })

  it('comes back from a power cut in the middle of a ring, with the card as the server has it', async () => {
    const id = newCall()
    await server.arrives(id, NUMBER)
    await server.rings(id, NUMBER, '201')
    await dilnoza.page.waitForSelector('[role=alertdialog]')
    const took = await timed(server.kill(), dilnoza.page.waitForSelector('.live.warn'))
    assert.ok(took < BADGE_WITHIN, `the badge took ${took.toFixed(0)} ms`)
    await server.start()
    await dilnoza.page.waitForSelector('.live.ok')
    await dilnoza.page.waitForSelector(`[role=alertdialog]:has-text("${SHOWN}")`)
    assert.equal(await dilnoza.page.locator('[role=alertdialog]').count(), 1)
    await server.ends(id, NUMBER, '201')
    await dilnoza.page.waitForFunction(() => document.querySelector('[role=alertdialog]') === null)
  })

  it('keeps twelve tabs of one browser live on one stream', async () => {
    const tabs = [dilnoza.page]
    while (tabs.length < 12) {
      const tab = await dilnoza.context.newPage()
      await tab.goto(`${server.url}/panel`)
      tabs.push(tab)
    }
    await Promise.all(tabs.map((tab) => tab.waitForSelector('.live.ok')))
    const id = newCall()
    await server.arrives(id, NUMBER)
    await server.rings(id, NUMBER, '201')
    await Promise.all(tabs.map((tab) => tab.waitForSelector('[role=alertdialog]')))
    await server.ends(id, NUMBER, '201')
    for (const tab of tabs.slice(1)) await tab.close()
  })
})
