// The server's time in the browser. Timers count from the server's stamps, corrected by the
// offset measured here, never from the moment a message arrived.
import { signal } from '@preact/signals'

/** How long a beat is; timers show seconds, so half of one is never a second late. */
const BEAT = 500

let offset = 0
let sharpest = Number.POSITIVE_INFINITY
let beating = false

const beat = signal(Date.now())

/** Learns the offset from an answer that named its time; the quickest round trip is trusted. */
export function learnTime(server: string, sentAt: number, gotAt: number): void {
  const at = Date.parse(server)
  const trip = gotAt - sentAt
  if (!Number.isFinite(at) || trip > sharpest * 4 + 1000) return
  if (trip <= sharpest || Math.abs(at - (gotAt + offset)) > 2000) {
    sharpest = Math.max(trip, 1)
    offset = at - (sentAt + trip / 2)
    beat.value = serverNow()
  }
}

/** The server's time at this moment, in milliseconds. */
export const serverNow = (): number => Date.now() + offset

/** The server's time, refreshed twice a second; a component that reads it follows the clock. */
export function ticking(): number {
  if (!beating) {
    beating = true
    setInterval(() => (beat.value = serverNow()), BEAT)
  }
  return beat.value
}

/** Forgets the offset. For tests. */
export function resetClock(): void {
  offset = 0
  sharpest = Number.POSITIVE_INFINITY
}
