// Who signs in: the list, rights, one-time links. Nobody changes their own rights.
import { useState } from 'preact/hooks'
import { api, asFault, type Fault, type Rights } from '../../api.ts'
import { FaultNotice, Skeleton, Tag } from '../../parts/basic.tsx'
import { useFetched } from '../../parts/fetched.ts'
import { Table } from '../../parts/table.tsx'
import { go, query } from '../../router.tsx'
import { me } from '../../session.ts'
import { plural, t, word } from '../../text/index.ts'
import type { Changed, NewLink, Role, User } from '../../types.ts'
import { saidOf } from './fields.ts'
import { ChangedNotice, Frame, From, OneTimeLink, Refused, RemoveDialog } from './frame.tsx'
import { Labelled } from './inputs.tsx'

/** An operator's user is made with the operator, so their role is not among these. */
const ROLES: readonly Role[] = ['supervisor', 'admin', 'integrator', 'wallboard']

interface Fresh {
  login: string
  made: NewLink
}

export function UsersPage() {
  const list = useFetched(api.users, [])
  const queues = useFetched(() => api.things('queues'), [])
  const [fresh, setFresh] = useState<Fresh | null>(null)
  const [told, setTold] = useState<{ title: string; changed: Changed } | null>(null)
  const users = list.value?.items ?? []
  const [edited, isNew] = [query.value.get('edit'), query.value.get('new') === '1']
  const user = edited === null ? undefined : users.find((one) => one.login === edited)
  const names = queues.value?.items.map((one) => one.name) ?? []

  function back(): void {
    list.again()
    go('/admin/users')
  }

  if (list.value !== null && (isNew || (user !== undefined && mayChange(user)))) {
    return (
      <Frame section="users" onReloaded={list.again}>
        <UserForm
          key={edited ?? ''}
          queues={names}
          {...(user === undefined ? {} : { user })}
          onMade={(login, made) => {
            setTold(null)
            setFresh({ login, made })
            back()
          }}
          onChanged={(login, changed) => {
            setTold({ title: t('saved', { name: login }), changed })
            back()
          }}
        />
      </Frame>
    )
  }
  return (
    <Frame section="users" onReloaded={list.again}>
      {fresh !== null && <OneTimeLink login={fresh.login} made={fresh.made} onClose={() => setFresh(null)} />}
      {told !== null && <ChangedNotice changed={told.changed} title={told.title} onClose={() => setTold(null)} />}
      <p class="acts"><a class="button" href="/admin/users?new=1">+ {t('user_new')}</a></p>
      {list.fault !== null && <FaultNotice fault={list.fault} onRetry={list.again} />}
      {list.value === null && list.fault === null && <Skeleton lines={5} />}
      {users.length > 0 && (
        <Table
          caption={word('admin', 'users')}
          rows={users}
          rowKey={(one) => one.login}
          columns={[
            {
              title: t('login_name'),
              isHead: true,
              cell: (one) => (
                <>
                  {one.login} {one.disabled && <Tag>{t('intent_disabled')}</Tag>} {!one.has_password && <Tag tone="warn">{t('user_no_password')}</Tag>}
                </>
              ),
            },
            { title: t('user_role'), cell: (one) => word('role', one.role) },
            { title: t('board_queues'), cell: (one) => (one.queues.length === 0 ? t('all') : one.queues.join(', ')) },
            { title: t('col_from_where'), cell: (one) => (one.from === 'operator' ? t('user_of_operator', { name: one.operator ?? '' }) : <From from={one.from} />) },
            {
              title: t('missed_actions'),
              isWide: true,
              cell: (one) => (
                <UserActs
                  user={one}
                  onLink={(made) => {
                    setTold(null)
                    setFresh({ login: one.login, made })
                    scrollTo(0, 0)
                  }}
                  onDone={list.again}
                />
              ),
            },
          ]}
        />
      )}
    </Frame>
  )
}

/** Made in the pages, and not oneself: the server refuses both too. */
const mayChange = (user: User): boolean => user.from === 'pages' && user.login !== me.value?.login

function UserActs(props: { user: User; onLink: (made: NewLink) => void; onDone: () => void }) {
  const { user } = props
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [isRemoving, setRemoving] = useState(false)

  async function act<R>(doing: Promise<R>, done: (result: R) => void): Promise<void> {
    setRemoving(false)
    setBusy(true)
    setFault(null)
    try {
      done(await doing)
    } catch (thrown) {
      setFault(asFault(thrown))
    }
    setBusy(false)
  }

  return (
    <div class="acts">
      {mayChange(user) && <a class="button" href={`/admin/users?edit=${encodeURIComponent(user.login)}`} data-row>{t('edit')}</a>}
      {mayChange(user) && (
        <button type="button" disabled={isBusy} onClick={() => void act(api.disableUser(user.login, !user.disabled), props.onDone)}>
          {user.disabled ? t('enable') : t('disable')}
        </button>
      )}
      <button type="button" disabled={isBusy} onClick={() => void act(api.linkUser(user.login), props.onLink)}>{t('link_make')}</button>
      {mayChange(user) && <button type="button" disabled={isBusy} onClick={() => setRemoving(true)}>{t('remove')}</button>}
      {fault !== null && <Refused fault={fault} title={t('refused')} isWhole />}
      {isRemoving && (
        <RemoveDialog name={user.login} text={t('user_remove')} onClose={() => setRemoving(false)} onRemove={() => void act(api.removeUser(user.login), props.onDone)} />
      )}
    </div>
  )
}

function UserForm(props: { user?: User; queues: readonly string[]; onMade: (login: string, made: NewLink) => void; onChanged: (login: string, changed: Changed) => void }) {
  const { user } = props
  const [login, setLogin] = useState(user?.login ?? '')
  const [role, setRole] = useState<Role>(user?.role ?? 'supervisor')
  const [queues, setQueues] = useState<readonly string[]>(user?.queues ?? [])
  const [fault, setFault] = useState<Fault | null>(null)
  const [isBusy, setBusy] = useState(false)
  const fields = fault?.fields ?? []
  const own = ['login', 'role', 'queues']
  const roles = ROLES.includes(role) ? ROLES : [role, ...ROLES]
  const choices = [...new Set([...props.queues, ...queues])]

  async function save(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    const rights: Rights = { role, queues: [...queues] }
    try {
      if (user === undefined) props.onMade(login.trim(), await api.addUser(login.trim(), rights))
      else props.onChanged(user.login, await api.putUser(user.login, { ...rights, disabled: user.disabled }))
    } catch (thrown) {
      setFault(asFault(thrown))
      setBusy(false)
    }
  }

  const isOwn = (field: string): boolean => own.some((name) => field === name || field.startsWith(`${name}[`))
  const title = user?.login ?? t('user_new')
  return (
    <form class="panel thing" aria-label={title} noValidate onSubmit={(event) => void save(event)}>
      <header>
        <h2>{title}</h2>
        <a href="/admin/users">← {t('to_list')}</a>
      </header>
      {fault !== null && <Refused fault={fault} title={fields.length === 0 ? t('refused') : plural('refused_fields', fields.length)} fields={fields.filter((one) => !isOwn(one.field))} />}
      <div class="grid">
        {user === undefined && (
          <Labelled label={t('login_name')} hint={t('hint_user_login')} said={saidOf(fields, 'login')} input={(aria) => (
            <input name="login" required value={login} autocomplete="off" autocapitalize="none" spellcheck={false} onInput={(event) => setLogin(event.currentTarget.value)} {...aria} />
          )} />
        )}
        <Labelled label={t('user_role')} hint={word('role_hint', role)} said={saidOf(fields, 'role')} input={(aria) => (
          <select name="role" value={role} onChange={(event) => setRole(event.currentTarget.value as Role)} {...aria}>
            {roles.map((one) => <option key={one} value={one} selected={one === role}>{word('role', one)}</option>)}
          </select>
        )} />
        <fieldset class="wide">
          <legend>{t('board_queues')}</legend>
          <p class="hint">{t('hint_user_queues')}</p>
          <div class="checks">
            {choices.map((name) => (
              <Labelled key={name} label={name} isCheck said={saidOf(fields, `queues[${queues.indexOf(name)}]`)} input={(aria) => (
                <input type="checkbox" name="queues" value={name} checked={queues.includes(name)} onChange={(event) => setQueues(event.currentTarget.checked ? [...queues, name] : queues.filter((one) => one !== name))} {...aria} />
              )} />
            ))}
          </div>
        </fieldset>
      </div>
      {user !== undefined && <p class="hint">{t('user_change_hint')}</p>}
      <div class="acts">
        <button type="submit" class="main" disabled={isBusy || login.trim() === ''}>{t('save')}</button>
        <a class="button" href="/admin/users">{t('cancel')}</a>
      </div>
    </form>
  )
}
