import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

import { badRequest } from '#base/failure.ts'
import { addCertificate, createTrustToken } from '#client/certificates.ts'

import { Asker } from '../ask.ts'
import { command, switchFlag, textFlag } from '../command.ts'
import { printableLine } from '../printable.ts'
import type { Named } from '../remotes.ts'
import type { Remotes } from '../remotes.ts'

/** Bytes a certificate's file may have. */
const MAX_SIZE = 1024 * 1024

export const configTrustAdd = command({
  name: 'config trust add',
  usage: '[<remote>:] [<cert>]',
  doc: 'Add new trusted client',
  details: `The following certificate types are supported:
- client (default)
- metrics

If the certificate is omitted, a token will be generated and returned. A client
providing a valid token will have its client certificate added to the trusted list
and the consumed token will be invalidated. Similar to certificates, tokens can be
restricted to one or more projects.`,
  flags: {
    name: textFlag('Alternative certificate name'),
    projects: textFlag('List of projects to restrict the certificate to'),
    restricted: switchFlag('Restrict the certificate to one or more projects'),
    type: textFlag('Type of certificate', { default: 'client' }),
  },
  args: [0, 2],
  async run({ args, flags, globals, remotes, at }) {
    const { remote, name: file } = readArgs(args, remotes)
    const { name, type, restricted } = flags
    if (!['client', 'metrics'].includes(type)) throw badRequest(`Unknown certificate type "${type}"`)
    const limits = { type, restricted, projects: flags.projects === '' ? [] : flags.projects.split(',') }

    if (file !== '') {
      const certificate = await readCertificate(file)
      await addCertificate(remotes.connect(remote), { ...limits, name: name || basename(file), certificate })
      return
    }

    if (type === 'metrics') throw badRequest('Cannot use metrics type certificate when using a token')
    const clientName = name || new Asker(at).text('Please provide client name')
    const token = await createTrustToken(remotes.connect(remote), { ...limits, name: clientName })
    if (!globals.quiet) at.print(`Client ${printableLine(clientName)} certificate add token:\n`)
    at.print(`${token}\n`)
  },
})

/** The first of two arguments is the remote; a single one is, too, where it ends with a colon and no file is called so. */
function readArgs(args: readonly string[], remotes: Remotes): Named {
  const [first = '', second] = args
  if (second !== undefined) return { remote: remotes.parse(first).remote, name: second }
  return first.endsWith(':') ? remotes.parse(first) : { remote: remotes.default, name: first }
}

/** A certificate in a file, as PEM, the way it is sent: the base64 of its DER. */
async function readCertificate(file: string): Promise<string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw badRequest(code === 'ENOENT' ? `open ${file}: no such file or directory` : `Cannot read "${file}"`, {
      ...(code === 'ENOENT' ? {} : { cause: error }),
    })
  }
  try {
    if (text.length > MAX_SIZE || !text.includes('-----BEGIN CERTIFICATE-----')) throw badRequest('no certificate')
    const { X509Certificate } = await import('node:crypto')
    return new X509Certificate(text).raw.toString('base64')
  } catch {
    throw badRequest('Invalid certificate file')
  }
}
