// A headless Chromium with nothing of this computer's in it.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The folder of the pages with its packages installed; `tests/browser/run` names it. */
export const UI = process.env.NAVBAT_UI_DIR ?? new URL('../../src/web/ui', import.meta.url).pathname

export const load = createRequire(join(UI, 'package.json'))

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
]

function find() {
  for (const name of NAMES) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    } catch {
      // Try the next name.
    }
  }
  throw new Error(`none of ${NAMES.join(', ')} is installed`)
}

/** Opens a browser with a folder of its own; `close` removes that too. */
export async function open(options = {}) {
  const { chromium } = load('playwright-core')
  const folder = await mkdtemp(join(tmpdir(), 'navbat-browser-'))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: find(), headless: true, args: FLAGS, locale: 'uz', ...options,
  })
  context.setDefaultTimeout(15_000)
  return {
    context,
    close: async () => {
      await context.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
