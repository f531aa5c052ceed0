// Answered and missed by hour as stacked bars. The table beside it says the same in figures, so
// the picture is hidden from screen readers.
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Bar {
  label: string
  answered: number
  missed: number
}

const HEIGHT = 180
const FOOT = 22
const LEFT = 32

export function Bars(props: { bars: readonly Bar[] }) {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(600)
  useEffect(() => {
    const element = box.current
    if (element === null || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(200, Math.floor(entry.contentRect.width)))
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const top = niceTop(Math.max(1, ...props.bars.map((bar) => bar.answered + bar.missed)))
  const room = HEIGHT - FOOT - 8
  const y = (n: number) => 8 + room - (n / top) * room
  const step = (width - LEFT) / Math.max(1, props.bars.length)
  const thick = Math.min(36, step * 0.7)
  // Labels must not run into each other on a narrow screen.
  const every = Math.max(1, Math.ceil(38 / step))
  return (
    <div class="bars" ref={box} aria-hidden="true">
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`}>
        {[0, top / 2, top].map((n) => (
          <g key={n}>
            <line class="grid" x1={LEFT} x2={width} y1={y(n)} y2={y(n)} />
            <text class="axis" x={LEFT - 6} y={y(n) + 4} text-anchor="end">{n}</text>
          </g>
        ))}
        {props.bars.map((bar, at) => {
          const x = LEFT + step * at + (step - thick) / 2
          const [split, head] = [y(bar.answered), y(bar.answered + bar.missed)]
          return (
            <g key={bar.label}>
              <rect class="answered" x={x} y={split} width={thick} height={y(0) - split} />
              <rect class="missed" x={x} y={head} width={thick} height={split - head} />
              {at % every === 0 && (
                <text class="axis" x={x + thick / 2} y={HEIGHT - 6} text-anchor="middle">{bar.label}</text>
              )}
            </g>
          )
        })}
      </svg>
    </div>
  )
}

/** The next even figure that is easy to halve: 2, 4, 10, 20, 40, 100 … */
export function niceTop(n: number): number {
  for (let unit = 1; ; unit *= 10) {
    const fit = [2, 4, 10].map((k) => k * unit).find((top) => top >= n)
    if (fit !== undefined) return fit
  }
}
