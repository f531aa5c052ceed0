// What is around the pages that come before signing in.
import type { ComponentChildren } from 'preact'
import { Preferences } from '../../parts/shell.tsx'

export function Gate(props: { title: string; children: ComponentChildren }) {
  return (
    <main id="main" class="gate">
      <p class="brand">navbat</p>
      <h1>{props.title}</h1>
      {props.children}
      <Preferences />
    </main>
  )
}
