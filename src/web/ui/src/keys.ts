// Keys of the pages. Read by their place on the keyboard, so that they work in the Latin and
// the Cyrillic layout alike; letters are left alone while somebody types.
import { go } from './router.tsx'
import { me, pagesOf } from './session.ts'

type Act = (event: KeyboardEvent) => void

const acts = new Map<string, Act[]>()
let prefix: { code: string; until: number } | null = null

/** How long after `g` or `p` the second key still counts, in milliseconds. */
const PREFIX_FOR = 1500

/** Gives a key, such as `F4` or `KeyP Digit1`, something to do; the answer takes it back. */
export function onKey(keys: string, act: Act): () => void {
  acts.set(keys, [...(acts.get(keys) ?? []), act])
  return () => {
    acts.set(keys, (acts.get(keys) ?? []).filter((other) => other !== act))
  }
}

/** Begins to listen, and sets the keys that work on every page. */
export function startKeys(): void {
  document.addEventListener('keydown', press)
  const places = { KeyP: 'panel', KeyB: 'board', KeyM: 'missed', KeyC: 'calls', KeyS: 'admin' } as const
  for (const [code, page] of Object.entries(places)) {
    onKey(`KeyG ${code}`, () => {
      if (me.value && pagesOf(me.value).includes(page)) go(`/${page}`)
    })
  }
  onKey('KeyJ', () => moveRow(1))
  onKey('KeyK', () => moveRow(-1))
}

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const isFunction = /^F\d+$/.test(event.code)
  if (!isFunction && isTyping(event.target)) return
  const now = Date.now()
  const keys = prefix !== null && now < prefix.until ? `${prefix.code} ${event.code}` : event.code
  prefix = null
  const act = acts.get(keys)?.at(-1)
  if (act !== undefined) {
    event.preventDefault()
    act(event)
  } else if (event.code === 'KeyG' || event.code === 'KeyP') {
    prefix = { code: event.code, until: now + PREFIX_FOR }
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}

/** Moves the focus among the links that open the rows of a list. */
function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  if (rows.length === 0) return
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step
  rows[Math.min(Math.max(next, 0), rows.length - 1)]?.focus()
}
