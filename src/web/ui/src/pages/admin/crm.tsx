// The CRMs and messengers: how each fares, what waits for it, and whether it knows us.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault } from '../../api.ts'
import { serverNow } from '../../clock.ts'
import { Empty, FaultNotice, Sign, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Table } from '../../parts/table.tsx'
import { count, duration, when } from '../../text/format.ts'
import { t, word } from '../../text/index.ts'
import type { Target, TargetTest } from '../../types.ts'
import { Frame, Refused } from './frame.tsx'

export function CrmPage() {
  const list = useFetched(api.targets, [])
  const targets = [...(list.value?.items ?? [])].sort(worstFirst)
  return (
    <Frame section="crm" onReloaded={list.again}>
      {list.fault !== null && <FaultNotice fault={list.fault} onRetry={list.again} />}
      {list.value === null && list.fault === null && <Skeleton lines={4} />}
      {list.value !== null && targets.length === 0 && <Empty title={t('crm_none')} next={t('crm_none_next')} />}
      {targets.length > 0 && (
        <Table
          caption={word('admin', 'crm')}
          rows={targets}
          rowKey={(one) => one.name}
          rowClass={(one) => (toneOf(one) === 'bad' ? 'problem' : undefined)}
          columns={[
            { title: t('crm_name'), isHead: true, cell: (one) => <>{one.name} <span class="hint">{one.kind}</span></> },
            { title: t('crm_state'), cell: (one) => <TargetSign target={one} /> },
            { title: t('crm_sent'), isFigure: true, cell: (one) => count(one.sent) },
            { title: t('crm_waiting'), isFigure: true, cell: (one) => <Waiting target={one} /> },
            { title: t('crm_stuck'), isFigure: true, cell: (one) => <Stuck target={one} /> },
            { title: t('missed_actions'), isWide: true, cell: (one) => <><Test target={one} onDone={list.again} /><SetUp target={one} /></> },
          ]}
        />
      )}
    </Frame>
  )
}

/** What a person has to look at comes first. */
function worstFirst(one: Target, other: Target): number {
  const rank = (target: Target): number => ({ bad: 0, warn: 1, mut: 2, ring: 2, ok: 3 })[toneOf(target)]
  return rank(one) - rank(other) || (one.name < other.name ? -1 : 1)
}

function toneOf(target: Target): 'ok' | 'warn' | 'bad' | 'mut' | 'ring' {
  switch (target.state) {
    case 'ok':
      return 'ok'
    case 'dry_run':
      return 'mut'
    case 'failing':
    case 'limited':
      return 'warn'
    default: // switched off: needs_reauth and whatever else a target calls it
      return 'bad'
  }
}

const SHAPES = { ok: '●', warn: '▲', bad: '✕', mut: '○', ring: '●' } as const

function TargetSign(props: { target: Target }) {
  const { target } = props
  const tone = toneOf(target)
  return (
    <>
      <Sign tone={tone} shape={SHAPES[tone]}>{word('target', target.state)}</Sign>
      {target.why !== null && <p class="hint">{when(Date.parse(target.since), serverNow())}: {target.why}</p>}
    </>
  )
}

function Waiting(props: { target: Target }) {
  const { target } = props
  if (target.waiting === 0) return <>0</>
  return (
    <a href={`/admin/outbox?target=${encodeURIComponent(target.name)}&state=waiting`}>
      {count(target.waiting)}
      {target.oldest_at !== null && <span class="hint"> · {duration((serverNow() - Date.parse(target.oldest_at)) / 1000)}</span>}
    </a>
  )
}

function Stuck(props: { target: Target }) {
  const { target } = props
  const stuck = target.dead + target.unclear
  if (stuck === 0) return <>0</>
  return <a class="bad" href={`/admin/outbox?target=${encodeURIComponent(target.name)}&state=stuck`}>{count(stuck)}</a>
}

/** Asks the target whether it knows us. A success also ends its pause. */
function Test(props: { target: Target; onDone: () => void }) {
  const [said, setSaid] = useState<TargetTest | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  async function test(): Promise<void> {
    setBusy(true)
    setFault(null)
    setSaid(null)
    try {
      setSaid(await api.testTarget(props.target.name))
      props.onDone()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }
  return (
    <div class="acts">
      <button type="button" disabled={isBusy} onClick={() => void test()}>{t('crm_test')}</button>
      {props.target.dry_run && <a class="button" href={`/admin/outbox?target=${encodeURIComponent(props.target.name)}&state=skipped`}>{t('crm_dry')}</a>}
      {said !== null && <Tag tone={said.ok ? 'ok' : 'bad'}>{said.ok ? t('crm_test_ok') : t('crm_test_bad', { why: said.why ?? '' })}</Tag>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
    </div>
  )
}

/** Kinds that a person connects by consenting there. */
const CONSENTS = ['amocrm', 'bitrix24']
/** Kinds whose peer brings events or reports to an address of ours. */
const VISITS = ['bitrix24', 'eskiz', 'playmobile']
/** Kinds that are told calls and no messages of people. */
const CRMS = ['amocrm', 'bitrix24', 'webhook']

/** What a person does once: consent, tell the peer our address, see a message arrive. */
function SetUp(props: { target: Target }) {
  const { name, kind } = props.target
  const [page, setPage] = useState<string | null>(null)
  const [address, setAddress] = useState<string | null>(null)
  const [note, setNote] = useState<string | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  async function act(work: () => Promise<void>): Promise<void> {
    setBusy(true)
    setFault(null)
    try {
      await work()
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }
  const connect = () => act(async () => setPage((await api.connectTarget(name)).url))
  const show = () => act(async () => setAddress((await api.addressOfTarget(name)).address))
  const send = () => act(async () => setNote((await api.messageTarget(name)).note))
  return (
    <div class="acts">
      {CONSENTS.includes(kind) && <button type="button" disabled={isBusy} onClick={() => void connect()}>{t('crm_connect')}</button>}
      {VISITS.includes(kind) && <button type="button" disabled={isBusy} onClick={() => void show()}>{t('crm_address')}</button>}
      {!CRMS.includes(kind) && <button type="button" disabled={isBusy} onClick={() => void send()}>{t('crm_message')}</button>}
      {page !== null && <p><a class="button" href={page} target="_blank" rel="noreferrer">{t('crm_connect_open')}</a> <span class="hint">{t('crm_connect_hint')}</span></p>}
      {address !== null && <p><code>{address}</code> <span class="hint">{t('crm_address_hint')}</span></p>}
      {note !== null && <p><a href={`/admin/outbox?target=${encodeURIComponent(name)}`}>{t('crm_message_sent')}</a></p>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
    </div>
  )
}
