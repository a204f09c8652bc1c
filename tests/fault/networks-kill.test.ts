import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openSqliteStore } from '#store/sqlite.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, links, makeNetworks, nft } from '../system/network-bed.ts'

enterSandbox(import.meta)

const rounds = Number(process.env['LXD_KILL_ROUNDS'] ?? '20')
const churn = fileURLToPath(new URL('network-churn.ts', import.meta.url))
const database = '/tmp/networks.db'

/** The networks that a dnsmasq runs for, each as often as one does. */
function served(): string[] {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      } catch {
        return []
      }
    })
  return lines
    .filter(([program]) => program === 'dnsmasq')
    .map((args) => args.find((arg) => arg.startsWith('--interface='))?.slice('--interface='.length) ?? '')
    .toSorted()
}

test(`networks agree with the store after ${rounds} kills at random moments`, async () => {
  mkdirSync(`${directory}/networks`)
  let finished = 0
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [churn, database, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await sleep(Math.random() * 600)
    assert.equal(child.exitCode, null, `round ${round}: the work failed`)
    child.kill('SIGKILL')
    await once(child, 'exit')

    await using store = openSqliteStore(database)
    const networks = await makeNetworks(store)
    await networks.start()
    const managed = (await networks.list()).filter((one) => one.managed)
    const names = managed.map(({ name }) => name).toSorted()
    const withAddress = managed.filter(({ config }) => Object.values(config).some((value) => /\/\d+$/.test(value)))
    const about = `round ${round}`
    finished += names.length

    assert.ok(
      managed.every(({ status }) => status === 'Created'),
      about,
    )
    const bridges = (await links.readAll()).filter(({ kind }) => kind === 'bridge').map(({ name }) => name)
    assert.deepEqual(bridges.toSorted(), names, about)
    assert.deepEqual(served(), withAddress.map(({ name }) => name).toSorted(), about)
    assert.deepEqual(readdirSync(`${directory}/networks`).toSorted(), names, about)
    const chains = await nft.readChains({ family: 'inet', name: 'lxd' })
    const owners = new Set(chains.map((chain) => chain.replace(/^[a-z-]+\./, '')))
    assert.deepEqual([...owners].toSorted(), withAddress.map(({ name }) => name).toSorted(), about)

    // What is there is whole: it can be taken away without a trace.
    if (round % 5 !== 4) continue
    for (const name of names) await networks.delete(name)
    assert.deepEqual(
      (await links.readAll()).map(({ name }) => name),
      ['lo'],
      about,
    )
    assert.deepEqual(served(), [], about)
    assert.deepEqual(await nft.readChains({ family: 'inet', name: 'lxd' }), [], about)
    assert.deepEqual(readdirSync(`${directory}/networks`), [], about)
  }
  assert.ok(finished > 0, 'no network was ever finished')
})
