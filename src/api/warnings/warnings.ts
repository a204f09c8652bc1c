import { listOf } from '#schema/common.ts'
import { Warning } from '#schema/warning.ts'
import { entityUrl, listReply } from '../list.ts'
import { route } from '../route.ts'
import { warningJson } from './warning.ts'

export const warnings = route('/1.0/warnings', {
  get: {
    doc: 'List the warnings, of all projects unless one is named.',
    access: 'admin',
    reply: listOf(Warning),
    handle: (services, request) =>
      listReply(request, services.warnings.list(request.query['project']), {
        url: ({ uuid }) => entityUrl(['warnings', uuid]),
        object: warningJson,
      }),
  },
})
