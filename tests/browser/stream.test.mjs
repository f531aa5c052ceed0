// The live stream in a real browser, against the stand-in: one connection for all tabs, the
// badge when the server dies, and no ghost of a card when it comes back.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { open } from './browser.mjs'
import { fake, pop } from './fake.mjs'

const DIST = process.env.NAVBAT_UI_DIST
const TABS = 12

describe('the live stream', () => {
  let site, browser, page

  before(async () => {
    site = await fake(DIST)
    browser = await open()
    page = browser.context.pages()[0]
    await page.goto(`${site.url}/panel`)
    await page.waitForSelector('.live.ok')
  })

  after(async () => {
    await browser.close()
    await site.kill()
  })

  it('is one for twelve tabs, and all of them are live', async () => {
    const tabs = [page]
    while (tabs.length < TABS) {
      const tab = await browser.context.newPage()
      await tab.goto(`${site.url}/panel`)
      tabs.push(tab)
    }
    await Promise.all(tabs.map((tab) => tab.waitForSelector('.live.ok')))
    assert.equal(site.streams(), 1)
    site.state.send('pop', pop(1, { is: 'ringing' }))
    await Promise.all(tabs.map((tab) => tab.waitForSelector('[role=alertdialog][data-offer="1"]')))
    site.state.send('pop', pop(1, { is: 'taken_by', operator: 'Sardor' }))
    await Promise.all(tabs.map((tab) => tab.waitForSelector('.card[data-state=taken_by]')))
    for (const tab of tabs.slice(1)) await tab.close()
  })

  it('says within a second that the server is gone, and clears what no longer rings', async () => {
    site.state.send('pop', pop(2, { is: 'ringing' }))
    site.state.send('pop', pop(3, { is: 'ringing' }))
    await page.waitForSelector('[role=alertdialog][data-offer="2"]')
    const from = performance.now()
    await Promise.all([site.kill(), page.waitForSelector('.live.warn')])
    const took = performance.now() - from
    assert.ok(took < 1000, `${took.toFixed(0)} ms`)
    // While it was away one call was taken elsewhere; the other still rings.
    const { state } = site
    state.pops = [pop(3, { is: 'ringing' })]
    site = await fake(DIST, state, Number(new URL(site.url).port))
    await page.waitForSelector('.live.ok')
    await page.waitForSelector('[role=alertdialog][data-offer="3"]')
    assert.equal(await page.locator('[data-offer="2"]').count(), 0)
  })

  it('ignores what is older than the snapshot, and shows nothing twice', async () => {
    await page.waitForSelector('[role=alertdialog][data-offer="3"]')
    site.state.seq -= 100
    site.state.send('pop', pop(9, { is: 'ringing' }))
    site.state.seq += 100
    site.state.send('pop', pop(3, { is: 'ringing' }))
    site.state.send('pop', pop(3, { is: 'caller_gone' }))
    await page.waitForSelector('.card[data-state=caller_gone]')
    assert.equal(await page.locator('[data-offer="9"]').count(), 0)
    assert.equal(await page.locator('.card').count(), 1)
  })

  it('shows the ring above a dialog on another page, and leaves the focus where somebody writes', async () => {
    site.state.pops = []
    await page.goto(`${site.url}/missed`)
    await page.locator('tbody').getByRole('button', { name: 'Yopish' }).first().click()
    await page.fill('dialog textarea', 'bir')
    site.state.send('pop', pop(10, { is: 'ringing' }))
    await page.waitForSelector('.ring-line:has-text("+998 90 123 45 67")')
    assert.match(await page.title(), /☎ \+998 90 123 45 67/)
    const isOnTop = await page.evaluate(() => {
      const box = document.querySelector('.ring-line').getBoundingClientRect()
      // Inert content is passed over by elementFromPoint, so the top layer itself is asked.
      return document.querySelector('.ring-line').matches(':popover-open') && box.top >= 0 && box.height > 0
    })
    assert.ok(isOnTop)
    await page.keyboard.type(' ikki')
    assert.equal(await page.inputValue('dialog textarea'), 'bir ikki')
  })
})
