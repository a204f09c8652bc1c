// Makes, changes, renames and deletes networks in a store until it is killed: `network-churn.ts DATABASE NUMBER`, each run with another number.
import { openSqliteStore } from '#store/sqlite.ts'
import { makeNetworks } from '../system/network-bed.ts'

const [database = '', number = ''] = process.argv.slice(2)
const round = Number(number)
const networks = await makeNetworks(openSqliteStore(database))
await networks.start()
console.log('begin')

const config = (turn: number) => ({
  'ipv4.address': `10.${round % 250}.${turn % 250}.1/24`,
  'ipv6.address': 'none',
  'ipv4.nat': 'true',
})
const existing = (await networks.list()).filter(({ managed }) => managed).map(({ name }) => name)
for (let turn = 0; ; turn++) {
  const name = `n${process.pid}-${turn}`
  await networks.create({ name, type: '', description: '', config: config(turn) })
  existing.push(name)
  const put = (more: object) => () => ({
    description: String(turn),
    config: { ...config(turn), ...more },
  })
  await networks.update(name, put({ 'raw.dnsmasq': `# ${turn}` }))
  await networks.update(name, put({ 'ipv4.routes': '10.94.0.0/16', 'bridge.mtu': '1400', 'dns.mode': 'none' }))
  await networks.update(name, put({ 'ipv4.address': 'none', 'ipv4.nat': '' }))
  await networks.update(name, put({ 'ipv6.address': `fd93:${round}:${turn}::1/64` }))
  const renamed = `r${process.pid}-${turn}`
  await networks.rename(name, renamed)
  existing[existing.length - 1] = renamed
  while (existing.length > 2) await networks.delete(existing.shift() ?? '')
}
