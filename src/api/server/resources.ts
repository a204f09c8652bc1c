import { sync } from '../reply.ts'
import { route } from '../route.ts'

export const resources = route('/1.0/resources', {
  get: {
    doc: 'Get the hardware of the host.',
    access: 'authenticated',
    handle: async (services) => sync(await services.readResources()),
  },
})
