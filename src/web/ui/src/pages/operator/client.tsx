// Who calls, as the CRMs know them. It comes after the card and never holds it up.
import { useEffect } from 'preact/hooks'
import { api } from '../../api.ts'
import { ticking } from '../../clock.ts'
import { clientsOf, tellClient } from '../../live/store.ts'
import { plural, t } from '../../text/index.ts'
import type { Client, ClientMatch, Pop } from '../../types.ts'

/** After this long the card says that a CRM is slow, in milliseconds. */
const SLOW = 2000

/** Reads what was said before this page was opened; the stream tells the rest. */
export function useClients(call: string): readonly Client[] {
  useEffect(() => {
    // A call that is too young for the database is told by the stream alone.
    api.call(call).then((detail) => detail.clients.forEach(tellClient), () => {})
  }, [call])
  return clientsOf(call)
}

/** The line of the name. It has its place on the card before anybody has answered. */
export function NameLine(props: { clients: readonly Client[] }) {
  const matches = props.clients.flatMap((one) => one.matches)
  const [first] = matches
  return (
    <p class="name">
      {first === undefined ? (
        <Nobody clients={props.clients} />
      ) : (
        <>
          <strong>{first.name}</strong>
          {matches.length > 1 && <span class="hint"> · {plural('client_more', matches.length - 1)}</span>}
        </>
      )}
    </p>
  )
}

/** Why there is no name: nobody is known, or nobody has answered. */
function Nobody(props: { clients: readonly Client[] }) {
  const silent = props.clients.filter((one) => isSilent(one)).map((one) => one.crm)
  if (silent.length > 0) return <span class="hint">▲ {t('client_silent', { crm: silent.join(', ') })}</span>
  if (props.clients.some((one) => one.state === 'unknown')) return <span class="hint">{t('client_unknown')}</span>
  return null
}

function isSilent(client: Client): boolean {
  if (client.state === 'asked') return ticking() - Date.parse(client.at) > SLOW
  return client.state === 'late' || client.state === 'failed'
}

/** Everybody in the CRMs with this number: the likeliest first, and never only one of several. */
export function ClientPart(props: { pop: Pop; clients: readonly Client[] }) {
  const shown = props.clients.filter((one) => one.matches.length > 0 || one.create_link !== null)
  if (shown.length === 0) return null
  return (
    <div class="client">
      {shown.map((client) => (
        <div key={client.crm}>
          {client.matches.map((match) => <Match key={match.id} match={match} />)}
          {client.matches.length === 0 && safe(client.create_link) && (
            <a class="button quiet" href={client.create_link ?? ''} target="_blank" rel="noopener noreferrer">+ {t('client_create', { crm: client.crm })} ↗</a>
          )}
        </div>
      ))}
    </div>
  )
}

function Match(props: { match: ClientMatch }) {
  const { match } = props
  return (
    <div class="match">
      <p>
        <strong>{match.name}</strong>
        {match.company !== null && <span> · {match.company}</span>}
        {match.responsible !== null && <span class="hint"> · {t('client_responsible', { name: match.responsible })}</span>}
        {safe(match.link) && ' · '}
        {safe(match.link) && <a href={match.link ?? ''} target="_blank" rel="noopener noreferrer">{t('client_open')} ↗</a>}
      </p>
      {match.deals.length > 0 && (
        <ul aria-label={t('client_deals')}>
          {match.deals.map((deal) => (
            <li key={deal.link ?? deal.name}>
              {safe(deal.link) ? <a href={deal.link ?? ''} target="_blank" rel="noopener noreferrer">{deal.name} ↗</a> : deal.name}
              {deal.stage !== null && <span class="hint"> · {deal.stage}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** Only web addresses become links: what a CRM sends is data. */
const safe = (link: string | null): boolean => link !== null && /^https?:\/\//.test(link)
