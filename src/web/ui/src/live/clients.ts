// What CRMs say of the clients whose cards are on this screen, by call.
//
// It comes after the card, in any order and perhaps twice: the later word of one CRM holds.
import type { Client } from '../types.ts'

export type Clients = ReadonlyMap<string, readonly Client[]>

/** Calls whose clients are remembered; more than a screen can show in its life of an hour. */
const CALLS_MAX = 50

/** Takes in one answer. An older one of the same CRM changes nothing. */
export function learnClient(all: Clients, client: Client): Clients {
  const known = all.get(client.call) ?? []
  const before = known.find((one) => one.crm === client.crm)
  if (before !== undefined && Date.parse(before.at) > Date.parse(client.at)) return all
  const rest = known.filter((one) => one.crm !== client.crm)
  const next = new Map(all)
  next.delete(client.call) // to the end: the oldest goes first
  next.set(client.call, [...rest, client].sort((a, b) => (a.crm < b.crm ? -1 : 1)))
  for (const oldest of next.keys()) {
    if (next.size <= CALLS_MAX) break
    next.delete(oldest)
  }
  return next
}
