import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '#config/config.ts'
import { fakeContext } from '../fake-context.ts'
import { kernelLimits } from './kernel-limits.ts'

test('each limit becomes a line for liblxc', () => {
  const config = { 'limits.kernel.nofile': '300:400', 'limits.kernel.core': 'unlimited', 'limits.kernel.nproc': '5' }
  checkConfig('instance', kernelLimits.keys, config)
  const lines = kernelLimits.lxc(fakeContext(config)).map(([key, value]) => `${key} ${value}`)
  assert.deepEqual(lines.toSorted(), [
    'lxc.prlimit.core unlimited',
    'lxc.prlimit.nofile 300:400',
    'lxc.prlimit.nproc 5',
  ])
})

test('unknown limits and values that are none are refused', () => {
  assert.throws(
    () => checkConfig('instance', kernelLimits.keys, { 'limits.kernel.nofiles': '5' }),
    /nearest known key is "limits.kernel.nofile"/,
  )
  for (const [value, message] of [
    ['', undefined],
    ['-1', /expected a number or "unlimited"/],
    ['1:2:3', /expected a number or "unlimited"/],
    ['400:300', /the soft limit is above the hard one/],
    ['unlimited:300', /the soft limit is above the hard one/],
    ['300:unlimited', undefined],
    ['5\nlxc.cap.keep = sys_admin', /expected a number/],
  ] as const) {
    const check = () => checkConfig('instance', kernelLimits.keys, { 'limits.kernel.nofile': value })
    if (message) assert.throws(check, message)
    else check()
  }
})
