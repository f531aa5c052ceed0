// Reads something from the server for a component, and again when its inputs change.
// An older answer never overwrites a newer one, and a failure keeps what was there.
import { useEffect, useRef, useState } from 'preact/hooks'
import { asFault, type Fault } from '../api.ts'

export interface Fetched<V> {
  value: V | null
  fault: Fault | null
  again: () => void
}

export function useFetched<V>(read: () => Promise<V>, inputs: readonly unknown[]): Fetched<V> {
  const [state, setState] = useState<{ value: V | null; fault: Fault | null }>({ value: null, fault: null })
  const [round, setRound] = useState(0)
  const turn = useRef(0)
  useEffect(() => {
    turn.current += 1
    const mine = turn.current
    read().then(
      (value) => {
        if (mine === turn.current) setState({ value, fault: null })
      },
      (thrown: unknown) => {
        if (mine === turn.current) setState((before) => ({ value: before.value, fault: asFault(thrown) }))
      },
    )
    return () => {
      turn.current += 1
    }
  }, [...inputs, round])
  return { ...state, again: () => setRound((n) => n + 1) }
}
