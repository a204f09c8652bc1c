import { Resources } from '#schema/resources.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

export const resources = route('/1.0/resources', {
  get: {
    doc: 'Get the hardware of the host.',
    access: 'member',
    reply: Resources,
    handle: async (services) => sync(await services.readResources()),
  },
})
