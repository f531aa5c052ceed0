// The connection: reading events from bytes, silence, coming back, going on where it stopped.
import { describe, expect, it } from 'vitest'
import { Office, type Ask, type Tell } from './office.ts'
import { reader, type Message } from './sse.ts'
import { STALE, Stream, type Event, type Status, type World } from './stream.ts'

describe('the reader', () => {
  const read = (...parts: string[]): Message[] => {
    const heard: Message[] = []
    const feed = reader((message) => heard.push(message))
    parts.forEach(feed)
    return heard
  }

  it('reads whole messages from any slicing of the bytes', () => {
    const text = 'retry: 1000\n\nid: 7\nevent: pop\ndata: {"a":1}\n\n: ping\n\ndata: x\ndata: y\n\n'
    const whole = read(text)
    expect(whole).toEqual([
      { id: '7', event: 'pop', data: '{"a":1}' },
      { id: '7', event: 'message', data: 'x\ny' },
    ])
    expect(read(...text)).toEqual(whole)
  })

  it('takes every kind of line end', () => {
    expect(read('id: 1\r\ndata: a\r\n\r\n', 'data: b\r', '\n\r\n')).toHaveLength(2)
  })

  it('says nothing for a message that is not finished', () => {
    expect(read('data: half')).toEqual([])
  })
})

/** A world whose clock and server the test owns. */
class Desk implements World {
  clock = 1_000_000
  timers: { at: number; then: () => void }[] = []
  calls: { headers: Record<string, string>; answer: (reply: Response | Error) => void }[] = []

  now = (): number => this.clock
  random = (): number => 0
  after = (ms: number, then: () => void): (() => void) => {
    const timer = { at: this.clock + ms, then }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }
  fetch = (_url: string, init: RequestInit): Promise<Response> =>
    new Promise((done, fail) => {
      const headers = init.headers as Record<string, string>
      this.calls.push({ headers, answer: (reply) => (reply instanceof Error ? fail(reply) : done(reply)) })
      init.signal?.addEventListener('abort', () => fail(new Error('aborted')))
    })

  async pass(ms: number): Promise<void> {
    const end = this.clock + ms
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.clock = next.at
      this.timers = this.timers.filter((timer) => timer !== next)
      next.then()
      await settled()
    }
    this.clock = end
    await settled()
  }
}

/** Lets every promise that is ready run. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

function line(): { response: Response; say: (text: string) => Promise<void>; cut: () => Promise<void> } {
  let control: ReadableStreamDefaultController<Uint8Array> | null = null
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (control = given) })
  return {
    response: { ok: true, status: 200, body } as unknown as Response,
    say: async (text) => {
      control?.enqueue(new TextEncoder().encode(text))
      await settled()
    },
    cut: async () => {
      control?.error(new Error('cut'))
      await settled()
    },
  }
}

function opened() {
  const desk = new Desk()
  const statuses: Status[] = []
  const events: Event[] = []
  const stream = new Stream(desk, (status) => statuses.push(status), (event) => events.push(event))
  stream.start()
  const answer = async (reply: Response | Error): Promise<void> => {
    desk.calls.at(-1)?.answer(reply)
    await settled()
  }
  return { desk, statuses, events, stream, answer }
}

describe('the stream', () => {
  it('is live with the first byte and hands events on with their numbers', async () => {
    const { statuses, events, answer } = opened()
    const wire = line()
    await answer(wire.response)
    expect(statuses).toEqual([])
    await wire.say('id: 5\nevent: hello\ndata: {}\n\n')
    expect(statuses.at(-1)).toEqual({ is: 'live' })
    expect(events).toEqual([{ id: 5, event: 'hello', data: {} }])
  })

  it('says at once that it is cut off, and goes on after the last number', async () => {
    const { desk, statuses, answer } = opened()
    const wire = line()
    await answer(wire.response)
    await wire.say('id: 41\nevent: pop\ndata: {}\n\n')
    await wire.cut()
    expect(statuses.at(-1)).toEqual({ is: 'waiting', since: desk.clock })
    await desk.pass(1000)
    expect(desk.calls).toHaveLength(2)
    expect(desk.calls[1]?.headers['Last-Event-ID']).toBe('41')
  })

  it('does not trust a connection that is silent, and counts from the last byte', async () => {
    const { desk, statuses, answer } = opened()
    const wire = line()
    await answer(wire.response)
    await wire.say(': ping\n\n')
    const heard = desk.clock
    await desk.pass(STALE - 1)
    expect(statuses.at(-1)).toEqual({ is: 'live' })
    await desk.pass(1)
    expect(statuses.at(-1)).toEqual({ is: 'waiting', since: heard })
  })

  it('is kept alive by comments', async () => {
    const { desk, statuses, answer } = opened()
    const wire = line()
    await answer(wire.response)
    for (let ping = 0; ping < 10; ping += 1) {
      await wire.say(':\n\n')
      await desk.pass(10_000)
    }
    expect(statuses).toEqual([{ is: 'live' }])
  })

  it('waits longer after each failure, and not at all when the network is back', async () => {
    const { desk, stream, answer } = opened()
    for (const wait of [0, 1000, 2000, 5000, 10_000, 10_000]) {
      await answer(new Error('refused'))
      await desk.pass(Math.max(0, wait * 0.75 - 1))
      const before = desk.calls.length
      await desk.pass(wait === 0 ? 0 : 1)
      expect(desk.calls.length, `after ${wait}`).toBe(wait === 0 ? before : before + 1)
    }
    await answer(new Error('refused'))
    const before = desk.calls.length
    stream.hurry()
    expect(desk.calls.length).toBe(before + 1)
  })

  it('stops when the session is over, and begins afresh for the next person', async () => {
    const { desk, statuses, stream, answer } = opened()
    const wire = line()
    await answer(wire.response)
    await wire.say('id: 9\ndata: {}\n\n')
    await wire.cut()
    await desk.pass(1000)
    await answer({ ok: false, status: 401, body: null } as unknown as Response)
    expect(statuses.at(-1)).toEqual({ is: 'signed_out' })
    await desk.pass(60_000)
    expect(desk.calls).toHaveLength(2)
    stream.start()
    expect(desk.calls[2]?.headers['Last-Event-ID']).toBeUndefined()
  })
})

describe('the office of the tabs', () => {
  function tab(office: Office) {
    let hear: (event: MessageEvent<Ask>) => void = () => {}
    const told: Tell[] = []
    office.seat({
      postMessage: (tell) => told.push(tell),
      addEventListener: (kind, heard) => {
        if (kind === 'message') hear = heard
      },
    })
    const ask = (asked: Ask): void => hear({ data: asked } as MessageEvent<Ask>)
    const rings = (): boolean => told.reduce((last, tell) => (tell.tell === 'rings' ? tell.rings : last), false)
    return { ask, told, rings }
  }

  it('opens one connection for all tabs and gives each its events', async () => {
    const desk = new Desk()
    const office = new Office(desk)
    const tabs = Array.from({ length: 12 }, () => tab(office))
    tabs.forEach((one) => one.ask({ ask: 'start', visible: false }))
    expect(desk.calls).toHaveLength(1)
    const wire = line()
    desk.calls[0]?.answer(wire.response)
    await settled()
    await wire.say('id: 1\nevent: pop\ndata: {}\n\n')
    for (const one of tabs) expect(one.told.some((tell) => tell.tell === 'event')).toBe(true)
  })

  it('lets one tab ring: the one that is looked at', () => {
    const office = new Office(new Desk())
    const [first, second] = [tab(office), tab(office)]
    first.ask({ ask: 'start', visible: false })
    second.ask({ ask: 'start', visible: true })
    expect([first.rings(), second.rings()]).toEqual([false, true])
    second.ask({ ask: 'bye' })
    expect(first.rings()).toBe(true)
  })

  it('closes the connection with the last tab', () => {
    const desk = new Desk()
    const office = new Office(desk)
    const only = tab(office)
    only.ask({ ask: 'start', visible: true })
    only.ask({ ask: 'bye' })
    expect(desk.timers).toEqual([])
  })
})
