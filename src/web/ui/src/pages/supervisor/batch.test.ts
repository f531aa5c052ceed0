// Several episodes at once: nothing is asked of the server while it can be taken back.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Fault } from '../../api.ts'
import { Batches, clicked, UNDO_FOR, type Act } from './batch.ts'

const close: Act = { is: 'close', reason: 'spam' }
let asked: [number, Act][]
let done: (readonly number[])[]
const batches = (): Batches =>
  new Batches(
    (id, act) => {
      asked.push([id, act])
      return id === 13 ? Promise.reject(new Fault(409, 'conflict', 'somebody dials it', null)) : Promise.resolve()
    },
    (ids) => done.push(ids),
  )

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  done = []
})
afterEach(() => vi.useRealTimers())

describe('a batch', () => {
  it('waits, and then does it to each', async () => {
    const some = batches()
    some.plan(close, [1, 2])
    await vi.advanceTimersByTimeAsync(UNDO_FOR - 1)
    expect(asked).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toEqual([[1, close], [2, close]])
    expect(done).toEqual([[1, 2]])
    expect(some.waiting.value).toBeNull()
  })

  it('taken back asks nothing, then or later', async () => {
    const some = batches()
    some.plan(close, [1, 2])
    some.undo()
    await vi.advanceTimersByTimeAsync(UNDO_FOR * 2)
    await some.flush()
    expect(asked).toEqual([])
    expect(some.waiting.value).toBeNull()
  })

  it('gives way to the next, which carries it out at once', async () => {
    const some = batches()
    some.plan(close, [1])
    some.plan({ is: 'assign', owner: 'Sardor' }, [2])
    expect(asked).toEqual([[1, close]])
    await vi.advanceTimersByTimeAsync(UNDO_FOR)
    expect(asked.map(([id]) => id)).toEqual([1, 2])
  })

  it('does the others when one is refused, and names that one', async () => {
    const some = batches()
    some.plan(close, [12, 13, 14])
    await some.flush()
    expect(asked.map(([id]) => id)).toEqual([12, 13, 14])
    expect(some.failures.value.map((one) => [one.id, one.fault.message])).toEqual([[13, 'somebody dials it']])
    some.plan(close, [15])
    expect(some.failures.value).toEqual([])
  })
})

describe('selecting', () => {
  const ids = [5, 3, 9, 1]
  const none: ReadonlySet<number> = new Set()

  it('one after the other', () => {
    const one = clicked(none, ids, { id: 3, last: null, isRange: false })
    expect([...clicked(one, ids, { id: 1, last: 3, isRange: false })]).toEqual([3, 1])
    expect([...clicked(one, ids, { id: 3, last: 3, isRange: false })]).toEqual([])
  })

  it('a range in the order on the screen, upwards too', () => {
    expect([...clicked(new Set([5]), ids, { id: 9, last: 5, isRange: true })]).toEqual([5, 3, 9])
    expect([...clicked(new Set([1]), ids, { id: 3, last: 1, isRange: true })]).toEqual([1, 3, 9])
    expect([...clicked(new Set(ids), ids, { id: 9, last: 3, isRange: true })]).toEqual([5, 1])
  })

  it('a range from a row that is gone is the one row', () => {
    expect([...clicked(none, ids, { id: 9, last: 77, isRange: true })]).toEqual([9])
  })
})
