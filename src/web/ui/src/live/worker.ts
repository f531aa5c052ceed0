// The SharedWorker: one stream for all tabs of the browser. A stream per tab would leave the
// seventh tab waiting for ever, because a browser opens six connections to one server.
import { Office } from './office.ts'
import { realWorld } from './stream.ts'

const office = new Office(realWorld)

addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0]
  if (port !== undefined) office.seat(port)
})
