import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, ourLxc, RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon({ group: 'lxd' })
before(() => daemon.start())
after(async () => {
  ourLxc('delete', '-f', 'c1')
  await daemon.end('SIGTERM')
})

/** What LXD 5.0.2 tells of a busybox container on a host that counts no block devices. */
const names = `cpu_seconds_total filesystem_avail_bytes filesystem_free_bytes filesystem_size_bytes
  memory_Active_anon_bytes memory_Active_file_bytes memory_Active_bytes memory_Cached_bytes memory_Dirty_bytes
  memory_Inactive_anon_bytes memory_Inactive_file_bytes memory_Inactive_bytes memory_Mapped_bytes
  memory_MemAvailable_bytes memory_MemFree_bytes memory_MemTotal_bytes memory_RSS_bytes memory_Shmem_bytes
  memory_Swap_bytes memory_Unevictable_bytes memory_Writeback_bytes network_receive_bytes_total
  network_receive_drop_total network_receive_errs_total network_receive_packets_total network_transmit_bytes_total
  network_transmit_drop_total network_transmit_errs_total network_transmit_packets_total procs_total`.split(/\s+/)

test('a running container is measured under all names that LXD has, with what the kernel counts', () => {
  ok(runProgram(`${import.meta.dirname}/../../bin/lxd`, ['init', '--auto', '--storage-backend', 'dir']))
  ok(ourLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
  ok(ourLxc('launch', 'busybox', 'c1', '-c', 'limits.memory=200MiB'))
  ok(ourLxc('exec', 'c1', '--', 'sh', '-c', 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'))

  const text = ok(runProgram('curl', ['-s', '--unix-socket', '/var/lib/lxd/unix.socket', 'http://lxd/1.0/metrics']))
  const told = new Set([...text.matchAll(/^lxd_(\w+)\{/gm)].map(([, name]) => name))
  assert.deepEqual(
    names.filter((name) => !told.has(name)),
    [],
  )
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^lxd_${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    )
  assert.equal(sum('memory_MemTotal_bytes'), 200 * 2 ** 20)
  assert.ok(sum('cpu_seconds_total') > 0.05, String(sum('cpu_seconds_total')))
  assert.ok(sum('procs_total') >= 1)
  assert.ok(sum('filesystem_size_bytes') > sum('filesystem_free_bytes'))
  assert.match(text, /device="eth0"/)
  assert.match(text, /^lxd_procs_total\{name="c1",project="default",type="container"\} \d+$/m)
})
