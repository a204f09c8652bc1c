import assert from 'node:assert/strict'
import { test } from 'node:test'
import { neighborhood, Throttle } from './throttle.ts'

const minute = 60_000

function makeThrottle(limit = 10) {
  const clock = { now: 0 }
  const throttle = new Throttle({ limit: () => limit, expiry: () => 15 * minute, now: () => clock.now })
  return { throttle, clock }
}

const refused = { kind: 'too-many-requests' }

test('failures cost time, each more than the one before, up to a bound', () => {
  const { throttle } = makeThrottle()
  const delays = Array.from({ length: 10 }, () => throttle.begin('192.0.2.1').delay)
  assert.deepEqual(delays, [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000])
})

test('after too many an address is refused, and after a while no more', () => {
  const { throttle, clock } = makeThrottle(3)
  for (let times = 0; times < 3; times++) throttle.begin('192.0.2.1')
  assert.throws(() => throttle.begin('192.0.2.1'), { ...refused, message: /try again in 900 seconds/ })
  clock.now += 14 * minute
  // To be refused is no failure: it doesn't begin anew.
  assert.throws(() => throttle.begin('192.0.2.1'), { ...refused, message: /try again in 60 seconds/ })
  clock.now += minute
  assert.equal(throttle.begin('192.0.2.1').delay, 0)
})

test('attempts count from their beginning: many at once are no way around the limit', () => {
  const { throttle } = makeThrottle(5)
  let begun = 0
  for (let times = 0; times < 100; times++) {
    try {
      throttle.begin('192.0.2.1')
      begun++
    } catch {
      // Refused.
    }
  }
  assert.equal(begun, 5)
})

test('success forgets what failed; what was neither counts for nothing', () => {
  const { throttle } = makeThrottle(4)
  for (let times = 0; times < 3; times++) throttle.begin('192.0.2.1')
  for (let times = 0; times < 20; times++) throttle.begin('192.0.2.1').withdraw()
  throttle.begin('192.0.2.1').succeeded()
  assert.equal(throttle.size, 0)
  for (let times = 0; times < 4; times++) throttle.begin('192.0.2.1')
  assert.throws(() => throttle.begin('192.0.2.1'), refused)
})

test('others are not concerned; the addresses of one network of IPv6 are one', () => {
  const { throttle } = makeThrottle(2)
  throttle.begin('2001:db8::1')
  throttle.begin('2001:db8::2')
  assert.throws(() => throttle.begin('2001:db8::ffff:3'), refused)
  throttle.begin('2001:db8:0:1::1')
  throttle.begin('192.0.2.1')
  throttle.begin('192.0.2.2')
})

test('memory is bounded: who failed longest ago is forgotten first', () => {
  const { throttle } = makeThrottle(1)
  const address = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
  for (let number = 0; number < 12_000; number++) throttle.begin(address(number))
  assert.equal(throttle.size, 10_000)
  throttle.begin(address(0))
  assert.throws(() => throttle.begin(address(11_999)), refused)
})

test('a limit of 0 is none', () => {
  const { throttle } = makeThrottle(0)
  for (let times = 0; times < 100; times++) assert.equal(throttle.begin('192.0.2.1').delay, 0)
  assert.equal(throttle.size, 0)
})

test('what counts as one address', () => {
  for (const [address, one] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '20010db800010002::/64'],
    ['2001:DB8:1:2::9', '20010db800010002::/64'],
    ['fe80::1%eth0', 'fe80000000000000::/64'],
    ['::1', '0::/64'],
    ['', ''],
  ] as const) {
    assert.equal(neighborhood(address), one, address)
  }
})
