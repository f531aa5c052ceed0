// Several episodes at once, with a few seconds to change one's mind.
//
// The requests wait, because a closed episode cannot be opened again: taking a press back must
// leave nothing behind on the server. Leaving the page carries out what waits; only the button
// takes it back.
import { signal } from '@preact/signals'
import { asFault, type Fault } from '../../api.ts'

/** How long a press can be taken back, in milliseconds. */
export const UNDO_FOR = 5000

export type Act = { is: 'assign'; owner: string | null } | { is: 'close'; reason: string }

export interface Batch {
  act: Act
  ids: readonly number[]
  /** When it is carried out, on this computer's clock. */
  at: number
}

export interface Failure {
  id: number
  fault: Fault
}

export class Batches {
  readonly waiting = signal<Batch | null>(null)
  readonly failures = signal<readonly Failure[]>([])
  #timer: ReturnType<typeof setTimeout> | null = null
  #carry: (id: number, act: Act) => Promise<void>
  #done: (ids: readonly number[]) => void

  /** `carry` does it to one episode; `done` is told when all of a batch were tried. */
  constructor(carry: (id: number, act: Act) => Promise<void>, done: (ids: readonly number[]) => void) {
    this.#carry = carry
    this.#done = done
  }

  /** Does it to all of them in a while; what waited before is carried out at once. */
  plan(act: Act, ids: readonly number[]): void {
    if (ids.length === 0) return
    void this.flush()
    this.failures.value = []
    this.waiting.value = { act, ids, at: Date.now() + UNDO_FOR }
    this.#timer = setTimeout(() => void this.flush(), UNDO_FOR)
  }

  /** Takes back what waits; nothing was asked of the server yet. */
  undo(): void {
    this.#stop()
    this.waiting.value = null
  }

  /** Carries out what waits. One that is refused keeps none of the others back. */
  async flush(): Promise<void> {
    this.#stop()
    const batch = this.waiting.value
    if (batch === null) return
    this.waiting.value = null
    const tried = batch.ids.map((id) =>
      this.#carry(id, batch.act).then(
        () => null,
        (thrown: unknown): Failure => ({ id, fault: asFault(thrown) }),
      ),
    )
    const failures = (await Promise.all(tried)).filter((one) => one !== null)
    this.failures.value = [...this.failures.value, ...failures]
    this.#done(batch.ids)
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** The rows that a click selects or not: with Shift all from the last one clicked up to this one. */
export function clicked(
  chosen: ReadonlySet<number>,
  ids: readonly number[],
  click: { id: number; last: number | null; isRange: boolean },
): ReadonlySet<number> {
  const next = new Set(chosen)
  const isChosen = !chosen.has(click.id)
  const [from, to] = [click.last === null ? -1 : ids.indexOf(click.last), ids.indexOf(click.id)]
  const range = click.isRange && from >= 0 && to >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [click.id]
  for (const id of range) {
    if (isChosen) next.add(id)
    else next.delete(id)
  }
  return next
}
