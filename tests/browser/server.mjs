// The real server, started on a folder of its own, and the provider that talks to it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TOKEN = 'f00dfeed'.repeat(8)
const CABINET = '047218'
const LINE = '998781500001'

export const OPERATORS = [['Dilnoza', '201'], ['Sardor', '202'], ['Jasur', '203']]

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

function config(port) {
  const people = OPERATORS.map(([name, alias]) =>
    `[[operator]]\nname = "${name}"\nlogin = "${name.toLowerCase()}"\naliases = ["sipuni-main:${alias}"]\n`)
  return `data_dir = "data"
[web]
listen = "127.0.0.1:${port}"
${people.join('')}
[queue.sotuv]
tiers = [{ after = "0s", members = [${OPERATORS.map(([name]) => `"${name}"`).join(', ')}] }]
numbers = "full"
[[provider]]
name = "sipuni-main"
kind = "sipuni"
token = "${TOKEN}"
cabinet_id = "${CABINET}"
lines = ["+${LINE}"]
queue = "sotuv"
settle = "1s"
`
}

/** A server that can be killed and started again on the same folder and port. */
export class Server {
  static async create() {
    const server = new Server()
    server.folder = await mkdtemp(join(tmpdir(), 'navbat-server-'))
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    await writeFile(join(server.folder, 'navbat.toml'), config(server.port), { mode: 0o600 })
    return server
  }

  /** Starts it and waits until it answers and has said what it says at the start; gives the one-time link's key when it printed one. */
  async start() {
    this.said = ''
    this.process = spawn(process.env.NAVBAT_BIN, ['serve', '--config', 'navbat.toml'], { cwd: this.folder })
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on('data', (text) => (this.said += text))
    const deadline = Date.now() + 30_000
    for (;;) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => null)
      if (answer?.ok && this.said.includes(' listens on ')) break
      if (Date.now() > deadline || this.process.exitCode !== null) throw new Error(`the server does not start:\n${this.said}`)
      await new Promise((done) => setTimeout(done, 50))
    }
    return /\/setup#(\S+)/.exec(this.said)?.[1]
  }

  /** Ends it as a power cut does. */
  async kill() {
    this.process.kill('SIGKILL')
    await once(this.process, 'exit')
  }

  async remove() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Sets the administrator's password and gives each operator one; `key` is of the first-run link. */
  async people(key, password) {
    const admin = await this.#signIn(key, password)
    for (const [name] of OPERATORS) {
      const made = await admin(`/admin/users/${name.toLowerCase()}/link`, {})
      await this.#signIn(made.link.split('#')[1], password)
    }
  }

  async #signIn(token, password) {
    const answer = await fetch(`${this.url}/api/v1/password`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token, password }),
    })
    if (!answer.ok) throw new Error(`/password: ${answer.status} ${await answer.text()}`)
    const cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ')
    const { csrf } = await answer.json()
    return async (path, body) => {
      const reply = await fetch(`${this.url}/api/v1${path}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json', Cookie: cookie, 'X-CSRF-Token': csrf }, body: JSON.stringify(body),
      })
      if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
      return reply.json()
    }
  }

  /** Sends one event as Sipuni does: everything in the query of a GET. */
  async event(code, id, number, more = {}) {
    const query = new URLSearchParams({
      event: code, call_id: id, timestamp: String(Math.floor(Date.now() / 1000)), user_id: CABINET, treeName: 'Sotuv', ...more,
    })
    if (!query.has('src_num')) {
      query.set('src_num', number)
      query.set('src_type', '1')
    }
    const answer = await fetch(`${this.url}/hooks/sipuni/sipuni-main/${TOKEN}?${query}`)
    if (!answer.ok) throw new Error(`event ${code}: ${answer.status} ${await answer.text()}`)
  }

  /** A client calls our line. */
  arrives(id, number) {
    return this.event('1', id, number, { dst_num: LINE, dst_type: '1' })
  }

  /** A telephone of ours rings. */
  rings(id, number, alias) {
    return this.event('1', id, number, leg(alias))
  }

  /** Somebody answers. */
  answers(id, number, alias) {
    return this.event('3', id, number, leg(alias))
  }

  /** The call is over. */
  ends(id, number, alias, answeredAt) {
    const seconds = Math.floor(Date.now() / 1000)
    const status = answeredAt === undefined ? 'NOANSWER' : 'ANSWER'
    return this.event('2', id, number, {
      ...leg(alias), status, call_start_timestamp: String(seconds - 5), call_answer_timestamp: String(answeredAt ?? 0),
    })
  }
}

const leg = (alias) => ({ dst_num: CABINET + alias, dst_type: '2', short_dst_num: alias, is_inner_call: '1' })
