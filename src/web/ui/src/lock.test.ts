// The lock file: no package runs a script when it is installed, and no registry is named, so
// that any mirror serves.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

it('holds no install script and no registry', () => {
  const lock = readFileSync('package-lock.json', 'utf8')
  expect(lock).not.toContain('hasInstallScript')
  expect(lock).not.toContain('"resolved"')
  expect(lock).toContain('"integrity"')
})
