// Sound, notification and title while a telephone rings. One tab of the browser does it.
import { effect, signal } from '@preact/signals'
import { phone } from '../text/format.ts'
import { t } from '../text/index.ts'
import { path } from '../router.tsx'
import { arranged, cards } from './store.ts'
import { rings } from './hub.ts'

/** `unasked` until the person allowed sound; a browser lets no page sound before a gesture. */
export const sound = signal<'unasked' | 'on' | 'blocked'>('unasked')

/** What the browser says of notifications; `missing` on a page without HTTPS. */
export const notices = signal<NotificationPermission | 'missing'>(
  typeof Notification === 'undefined' || !isSecureContext ? 'missing' : Notification.permission,
)

/** The tone sounds this often, in milliseconds; slower than once a second, as a telephone does. */
const RING_EVERY = 2500

let context: AudioContext | null = null
let ringing: ReturnType<typeof setInterval> | null = null
let notice: Notification | null = null
let announced: number | null = null

/** Asks for sound and notifications; must be called from a press of a button. */
export async function allow(): Promise<void> {
  try {
    context ??= new AudioContext()
    await context.resume()
    sound.value = context.state === 'running' ? 'on' : 'blocked'
  } catch {
    sound.value = 'blocked'
  }
  if (notices.value === 'default') notices.value = await Notification.requestPermission()
}

/** Follows the cards from here on. */
export function startAlerts(): void {
  effect(() => {
    const ring = [arranged.value.main, arranged.value.second].find((card) => card?.pop.state.is === 'ringing')
    const text = ring ? phone(ring.pop.client, ring.pop.client_kind) : null
    document.title = text === null ? resting() : `☎ ${text} · navbat`
    badge(ring !== undefined)
    tone(ring !== undefined && rings.value)
    announce(rings.value && ring ? ring.pop.offer : null, text ?? '', ring?.pop.queue ?? '')
  })
}

/** The title while nothing rings: the page's name. */
function resting(): string {
  const page = path.value.split('/')[1] ?? ''
  const isListed = page === 'panel' || page === 'board' || page === 'missed' || page === 'calls'
  return isListed ? `${t(`nav_${page}`)} · navbat` : 'navbat'
}

function badge(isRinging: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  const wanted = isRinging ? '/icon-ring.svg' : '/icon.svg'
  if (link !== null && link.getAttribute('href') !== wanted) link.href = wanted
}

function tone(on: boolean): void {
  if (!on && ringing !== null) {
    clearInterval(ringing)
    ringing = null
  }
  if (on && ringing === null && sound.value === 'on') {
    beep()
    ringing = setInterval(beep, RING_EVERY)
  }
}

/** Two soft notes; a file would be one more thing to load while a telephone rings. */
function beep(): void {
  if (context === null) return
  const start = context.currentTime
  for (const [at, pitch] of [[0, 660], [0.22, 880]] as const) {
    const voice = context.createOscillator()
    const volume = context.createGain()
    voice.frequency.value = pitch
    volume.gain.setValueAtTime(0, start + at)
    volume.gain.linearRampToValueAtTime(0.18, start + at + 0.03)
    volume.gain.exponentialRampToValueAtTime(0.001, start + at + 0.4)
    voice.connect(volume).connect(context.destination)
    voice.start(start + at)
    voice.stop(start + at + 0.45)
  }
}

function announce(offer: number | null, number: string, queue: string): void {
  if (offer === announced) return
  announced = offer
  notice?.close()
  notice = null
  if (offer === null || notices.value !== 'granted' || document.visibilityState === 'visible') return
  const call = cards.value.find((card) => card.pop.offer === offer)?.pop.call ?? ''
  try {
    notice = new Notification(`☎ ${number}`, { body: queue, tag: call, requireInteraction: true })
    notice.onclick = () => {
      focus()
      notice?.close()
    }
  } catch {
    // Browsers of telephones have the name but not the constructor; the card is on the screen.
  }
}
