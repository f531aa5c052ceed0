// The set-up: operators, queues, users, what is connected and what waits to be told. Which of them, the address says.
import { Empty } from '../../parts/basic.tsx'
import { path } from '../../router.tsx'
import { me } from '../../session.ts'
import { t } from '../../text/index.ts'
import '../../style/admin.css'
import { CrmPage } from './crm.tsx'
import { sectionsOf } from './frame.tsx'
import { OutboxPage } from './outbox.tsx'
import { ThingsPage } from './things.tsx'
import { UsersPage } from './users.tsx'

export function AdminPage() {
  const section = path.value.split('/')[2] ?? sectionsOf(me.value?.role)[0]
  switch (section) {
    case 'operators':
    case 'queues':
      return <ThingsPage key={section} kind={section} />
    case 'users':
      return <UsersPage />
    case 'crm':
      return <CrmPage />
    case 'outbox':
      return <OutboxPage />
    case undefined:
      return <Empty title={t('error_forbidden')} />
    default:
      return <Empty title={t('page_missing')} next={t('page_missing_next')} />
  }
}
