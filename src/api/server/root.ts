import { StringList } from '#schema/common.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

/** The versions of the API, of which there is one. */
export const root = route('/', {
  get: { doc: 'List the versions of the API.', access: 'untrusted', reply: StringList, handle: () => sync(['/1.0']) },
})
