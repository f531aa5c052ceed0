// Shares one stream among tabs and says which single tab may ring. The SharedWorker runs it.
import { Stream, type Event, type Status, type World } from './stream.ts'

/** From a tab. */
export type Ask =
  | { ask: 'start'; visible: boolean }
  | { ask: 'visible'; visible: boolean }
  | { ask: 'hurry' }
  | { ask: 'stop' }
  | { ask: 'bye' }

/** To a tab. */
export type Tell =
  | { tell: 'status'; status: Status }
  | { tell: 'event'; event: Event }
  | { tell: 'rings'; rings: boolean }

/** The part of a MessagePort that is used. */
export interface Port {
  postMessage: (tell: Tell) => void
  addEventListener: (kind: string, listener: (event: MessageEvent<Ask>) => void) => void
  start?: () => void
}

interface Seat {
  port: Port
  visible: boolean
  rings: boolean
}

export class Office {
  #seats: Seat[] = []
  #stream: Stream
  #status: Status

  constructor(world: World) {
    this.#status = { is: 'waiting', since: world.now() }
    this.#stream = new Stream(
      world,
      (status) => {
        this.#status = status
        this.#all({ tell: 'status', status })
      },
      (event) => this.#all({ tell: 'event', event }),
    )
  }

  /** Takes a tab in. */
  seat(port: Port): void {
    const seat: Seat = { port, visible: false, rings: false }
    this.#seats.push(seat)
    port.addEventListener('message', (event) => this.#heard(seat, event.data))
    // Chromium tells when a tab died without a word; elsewhere its `bye` has to do.
    port.addEventListener('close', () => this.#leave(seat))
    port.start?.()
  }

  #heard(seat: Seat, ask: Ask): void {
    switch (ask.ask) {
      case 'start':
        seat.visible = ask.visible
        this.#stream.start()
        seat.port.postMessage({ tell: 'status', status: this.#status })
        break
      case 'visible':
        seat.visible = ask.visible
        if (ask.visible) this.#stream.hurry()
        break
      case 'hurry':
        this.#stream.hurry()
        return
      case 'stop':
        this.#stream.stop()
        return
      case 'bye':
        this.#leave(seat)
        return
    }
    this.#elect()
  }

  #leave(seat: Seat): void {
    this.#seats = this.#seats.filter((other) => other !== seat)
    if (this.#seats.length === 0) this.#stream.stop()
    this.#elect()
  }

  /** One tab rings: a visible one, else the one that has been there longest. */
  #elect(): void {
    const chosen =
      this.#seats.find((seat) => seat.rings && seat.visible) ??
      this.#seats.find((seat) => seat.visible) ??
      this.#seats.find((seat) => seat.rings) ??
      this.#seats[0]
    for (const seat of this.#seats) {
      if (seat.rings === (seat === chosen)) continue
      seat.rings = seat === chosen
      seat.port.postMessage({ tell: 'rings', rings: seat.rings })
    }
  }

  #all(tell: Tell): void {
    for (const seat of this.#seats) seat.port.postMessage(tell)
  }
}
