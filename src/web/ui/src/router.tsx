// Addresses: which page is shown, and the filters in the query, so that a list can be shared.
import { computed, signal } from '@preact/signals'

const address = signal(new URL(location.href))

export const path = computed(() => address.value.pathname.replace(/(.)\/+$/, '$1'))
export const query = computed(() => address.value.searchParams)
export const fragment = computed(() => address.value.hash.slice(1))

/** Goes to a page of ours; the back button returns. */
export function go(to: string): void {
  history.pushState(null, '', to)
  follow()
  scrollTo(0, 0)
}

/** Goes to a page so that the back button does not return to this one. */
export function replace(to: string): void {
  history.replaceState(null, '', to)
  follow()
}

/** Sets filters in the query; an empty value takes one away. Paging starts again. */
export function filter(changes: Readonly<Record<string, string | null>>): void {
  const next = new URL(location.href)
  next.searchParams.delete('cursor')
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') next.searchParams.delete(key)
    else next.searchParams.set(key, value)
  }
  go(next.pathname + next.search)
}

function follow(): void {
  address.value = new URL(location.href)
}

/** Lets plain links change the page without loading it again. */
export function takeLinks(): void {
  addEventListener('popstate', follow)
  addEventListener('hashchange', follow)
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || link.target !== '' || link.origin !== location.origin) return
    if (link.hasAttribute('download') || link.pathname.startsWith('/api/')) return
    if (link.getAttribute('href')?.startsWith('#') === true) return
    event.preventDefault()
    go(link.pathname + link.search + link.hash)
  })
}
