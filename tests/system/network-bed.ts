import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { silentLog } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { nicBridged } from '#devices/nic-bridged.ts'
import type { DeviceConfig, DeviceContext } from '#devices/device.ts'
import { Events } from '#events/events.ts'
import { findAccount } from '#host/accounts.ts'
import { hostDaemons } from '#host/daemons.ts'
import { releaseDhcp } from '#host/dhcp-release.ts'
import { hostLinks } from '#host/links.ts'
import { hostNft } from '#host/nft.ts'
import { run } from '#host/run.ts'
import { hostSysctls } from '#host/sysctls.ts'
import { Networks } from '#networks/networks.ts'
import { noPolicy } from '#projects/policy/fake-policy.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { Store } from '#store/store.ts'
import { openSqliteStore } from '#store/sqlite.ts'

/** Networks on the sandbox's kernel, and network namespaces in place of instances. */
export const directory = '/var/lib/lxd'
export const links = hostLinks()
export const nft = hostNft()
export const store = openSqliteStore(':memory:')

/** The networks that a store has, by default that of this process. */
export async function makeNetworks(of: Store = store): Promise<Networks> {
  return new Networks({
    policy: noPolicy(of),
    store: of,
    events: new Events({ log: silentLog }),
    log: { ...silentLog, error: (message, fields) => console.error(message, fields) },
    directory,
    links,
    nft,
    sysctls: hostSysctls,
    daemons: hostDaemons(),
    releaseDhcp,
    account: await findAccount(run, ['lxd', 'nobody']),
  })
}

/** What a program printed, its errors included; fails where it fails. */
export function sh(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await sleep(50)) assert.ok(Date.now() < end, what)
}

const script = '/tmp/udhcpc-script'

/** A network namespace that a NIC is plugged into, as if it were an instance. */
export class Guest {
  readonly name: string
  readonly config: DeviceConfig
  readonly #child: ChildProcess
  readonly #hwaddr: string
  #volatile: Readonly<Record<string, string>> = {}

  constructor(name: string, hwaddr: string, config: DeviceConfig) {
    this.name = name
    this.config = { type: 'nic', ...config }
    this.#hwaddr = hwaddr
    this.#child = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Writes the instance down and plugs its NIC in, by the code that instances use. */
  async start(networks: Networks): Promise<void> {
    await eventually('the namespace is there', () => {
      return readlinkSync(`/proc/${this.pid}/ns/net`) !== readlinkSync('/proc/self/ns/net')
    })
    const records = instanceRecords(store)
    const record = {
      project: 'default',
      name: this.name,
      type: 'container',
      architecture: 'x86_64',
      description: '',
      config: { 'volatile.eth0.hwaddr': this.#hwaddr },
      devices: { eth0: this.config },
      profiles: [],
      ephemeral: false,
      stateful: false,
      pool: '',
      createdAt: '',
      lastUsedAt: '',
      phase: 'ready',
    } as const
    await store.commit([records.put(record, 'default', this.name)])
    await using undo = new Undo((what, error) => assert.fail(`${what}: ${String(error)}`))
    const { volatile } = await nicBridged({ networks, links }).start(this.#context(), undo)
    this.#volatile = volatile
    undo.keep()
    this.run('ip', 'link', 'set', 'lo', 'up')
    this.run('ip', 'link', 'set', 'eth0', 'up')
  }

  /** Unplugs the NIC and deletes the instance. */
  async delete(networks: Networks): Promise<void> {
    const kind = nicBridged({ networks, links })
    await kind.stop(this.#context())
    await kind.remove?.(this.#context())
    await store.commit([instanceRecords(store).delete('default', this.name)])
    this.#child.kill('SIGKILL')
  }

  /** Runs a program in the namespace. */
  run(...command: string[]): string {
    return sh('nsenter', '--target', String(this.pid), '--net', ...command)
  }

  /** Gets an address by DHCP, with more arguments for udhcpc(1), and takes it. */
  dhcp(...args: string[]): string {
    writeFileSync(script, '#!/bin/sh\n[ "$1" != bound ] || echo "$ip" >/tmp/udhcpc-$DHCP_CLIENT\n')
    chmodSync(script, 0o755)
    const udhcpc = ['busybox', 'udhcpc', '-i', 'eth0', '-s', script, '-q', '-n', '-t', '5', '-T', '1', ...args]
    this.run('env', `DHCP_CLIENT=${this.name}`, ...udhcpc)
    return readFileSync(`/tmp/udhcpc-${this.name}`, 'utf8').trim()
  }

  /** Gets an address by DHCPv6, calling itself `name`. */
  dhcp6(name: string): string {
    const main = fileURLToPath(new URL('dhcp6-main.ts', import.meta.url))
    return this.run('timeout', '20', process.execPath, main, this.#hwaddr, name).trim()
  }

  /** The addresses that the network's DNS has for a name, asked from here. */
  lookUp(name: string, server: string, type: 'a' | 'aaaa' = 'a'): string[] {
    const args = ['--target', String(this.pid), '--net', 'busybox', 'nslookup', `-type=${type}`, name, server]
    const { stdout } = spawnSync('nsenter', args, { encoding: 'utf8', timeout: 10_000 })
    const answer = stdout.slice(stdout.indexOf('\n\n'))
    return [...answer.matchAll(/^Address: (\S+)$/gm)].map((match) => match[1]!)
  }

  #context(): DeviceContext {
    const owner = { project: 'default', name: this.name, runtimeName: this.name, privileged: false, devices: {} }
    const volatile = { hwaddr: this.#hwaddr, name: 'eth0', ...this.#volatile }
    return { owner, device: 'eth0', config: this.config, volatile, idmap: [], pid: this.pid }
  }
}
