// Pages of a list by the server's cursor; the address holds it, so that back works.
import { path, query } from '../router.tsx'
import { t } from '../text/index.ts'

export function Pager(props: { next: string | null }) {
  const isFirst = !query.value.has('cursor')
  if (isFirst && props.next === null) return null
  const to = (cursor: string | null): string => {
    const params = new URLSearchParams(query.value)
    if (cursor === null) params.delete('cursor')
    else params.set('cursor', cursor)
    const text = params.toString()
    return text === '' ? path.value : `${path.value}?${text}`
  }
  return (
    <p class="pager">
      {!isFirst && <a class="button" href={to(null)}>{t('first_page')}</a>}
      {props.next !== null && <a class="button" href={to(props.next)}>{t('next_page')} →</a>}
    </p>
  )
}
