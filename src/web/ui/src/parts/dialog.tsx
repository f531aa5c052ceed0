// A dialog of the browser itself: it keeps the focus inside and closes on Escape.
// It never opens by itself, so it cannot cover a card that nobody asked to be covered.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../text/index.ts'

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = box.current
    if (dialog !== null && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog ref={box} aria-label={props.title} onClose={props.onClose}>
      <header>
        <h2>{props.title}</h2>
        <button type="button" class="quiet" aria-label={t('close')} onClick={props.onClose}>✕</button>
      </header>
      {props.children}
    </dialog>
  )
}
