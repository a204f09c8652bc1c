import { pipeline } from 'node:stream'
import { badRequest } from '#base/failure.ts'
import { route } from '../route.ts'

/** A session of the SSH File Transfer Protocol with the files of an instance. */
export const instanceSftp = route('/1.0/instances/{name}/sftp', {
  get: {
    doc: 'Speak SFTP with the files of an instance. Needs an upgrade of the connection to "sftp".',
    access: 'operate-containers',
    handle(services, { project, params }) {
      services.instances.get(project, params.name)
      throw badRequest('Missing or invalid upgrade header: expected "Upgrade: sftp"')
    },
  },
  upgrade: {
    doc: 'Speak SFTP with the files of an instance.',
    access: 'operate-containers',
    protocol: 'sftp',
    async open(services, { project, params }) {
      const session = await services.files.session(project, params.name)
      return (socket) => {
        // Either side may end it; the helper goes with the connection.
        pipeline(socket, session.input, () => {})
        pipeline(session.output, socket, () => session.kill())
        socket.on('close', () => session.kill())
      }
    },
  },
})
