import { isIP } from 'node:net'
import type { Surroundings } from '../surroundings.ts'
import { Asker, type Check } from '../ask.ts'
import { addressWithPort } from './auto.ts'
import { writePreseed } from './dump.ts'
import type { Config, Preseed } from './preseed.ts'
import { freeBridgeName, preferredDriver, type ServerState } from './server-state.ts'

/** Asks for all that `lxd init` sets up. Of LXD's questions only those whose answer this server can follow. */
export function interviewAt(at: Surroundings, server: ServerState): Preseed {
  const ask = new Asker(at)
  const preseed = interview(ask, server)
  if (ask.yesNo('Would you like a YAML "lxd init" preseed to be printed? (yes/no)', false)) {
    at.print(writePreseed(preseed))
  }
  return preseed
}

function interview(ask: Asker, server: ServerState): Preseed {
  const devices: Record<string, Config> = {}
  const pools = askPool(ask, server)
  if (pools[0] !== undefined) devices['root'] = { type: 'disk', path: '/', pool: pools[0].name }

  const networks = askBridge(ask, server)
  const nic = networks[0] === undefined ? askParent(ask, server) : { type: 'nic', network: networks[0].name }
  if (nic !== undefined) devices['eth0'] = { name: 'eth0', ...nic }

  const profiles = Object.keys(devices).length === 0 ? [] : [{ name: 'default', devices }]
  return { config: askListening(ask), pools, networks, profiles, projects: [] }
}

function askListening(ask: Asker): Config {
  if (!ask.yesNo('Would you like the LXD server to be available over the network? (yes/no)', false)) return {}
  const address = ask.text('Address to bind LXD to (not including port)', { default: 'all', check: isAddress })
  const port = ask.text('Port to bind LXD to', { default: '8443', check: isPort })
  // Tokens (`lxc config trust add`) need no password; only old clients do.
  const password = ask.newSecret('Trust password for new clients')
  return {
    'core.https_address': addressWithPort(address, Number(port)),
    ...(password === '' ? {} : { 'core.trust_password': password }),
  }
}

const isAddress: Check = (answer) =>
  answer === 'all' || isIP(answer) !== 0 ? undefined : `"${answer}" is not an IP address`

const isPort: Check = (answer) => {
  if (!/^\d+$/.test(answer)) return `"${answer}" is not a port number`
  return Number(answer) < 1 || Number(answer) > 65_535 ? 'out of range' : undefined
}

function notAmong(names: readonly string[], what: string): Check {
  return (name) =>
    names.includes(name)
      ? `The requested ${what} "${name}" already exists. Please choose another name.`
      : /^[a-zA-Z0-9][\w.-]*$/.test(name)
        ? undefined
        : `"${name}" is not a name: expected letters, digits, "-", "_" and "."`
}

function askPool(ask: Asker, server: ServerState): Preseed['pools'] {
  if (!ask.yesNo('Do you want to configure a new storage pool? (yes/no)', true)) return []
  const name = ask.text('Name of the new storage pool', {
    default: 'default',
    check: notAmong(server.pools, 'storage pool'),
  })
  const { drivers } = server
  const type =
    drivers.length === 1
      ? drivers[0]!
      : ask.choice(`Name of the storage backend to use (${drivers.join(', ')})`, drivers, preferredDriver(server))
  return [{ name, type, config: {} }]
}

function askBridge(ask: Asker, server: ServerState): Preseed['networks'] {
  if (!ask.yesNo('Would you like to create a new local network bridge? (yes/no)', true)) return []
  const names = server.networks.map(({ name }) => name)
  const name = ask.text('What should the new bridge be called?', {
    default: freeBridgeName(server),
    check: notAmong(names, 'network bridge'),
  })
  return [{ name, config: { ...askAddress(ask, 4), ...askAddress(ask, 6) } }]
}

function askAddress(ask: Asker, version: 4 | 6): Config {
  const address = ask.text(`What IPv${version} address should be used? (CIDR subnet notation, “auto” or “none”)`, {
    default: 'auto',
    check: isSubnet(version),
  })
  const key = `ipv${version}`
  if (address === 'auto' || address === 'none') return { [`${key}.address`]: address }
  const nat = ask.yesNo(`Would you like LXD to NAT IPv${version} traffic on your bridge?`, true)
  return { [`${key}.address`]: address, [`${key}.nat`]: String(nat) }
}

function isSubnet(version: 4 | 6): Check {
  return (answer) => {
    if (answer === 'auto' || answer === 'none') return undefined
    const [address = '', prefix = '', ...rest] = answer.split('/')
    const bits = version === 4 ? 32 : 128
    if (rest.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits || isIP(address) !== version) {
      return `invalid CIDR address: ${answer}`
    }
    return undefined
  }
}

function askParent(ask: Asker, { networks }: ServerState): Config | undefined {
  if (!ask.yesNo('Would you like to configure LXD to use an existing bridge or host interface? (yes/no)', false)) {
    return undefined
  }
  const check: Check = (name) =>
    networks.some((network) => network.name === name)
      ? undefined
      : `The requested interface doesn't exist. Please choose another one.`
  const parent = ask.text('Name of the existing bridge or host interface', { check })
  const network = networks.find(({ name }) => name === parent)!
  if (network.managed) return { type: 'nic', network: parent }
  return { type: 'nic', nictype: network.type === 'bridge' ? 'bridged' : 'macvlan', parent }
}
