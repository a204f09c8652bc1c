import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { HostNamespaceLinks, parseLink, parseLinkAddress } from './namespace-links.ts'
import { formatMessage, numberAttribute, parseAttributes, parseMessages, readText } from './netlink.ts'

const zeros = (bytes: number) => '00'.repeat(bytes)

// Recorded from Linux 6.18, the attributes that nobody reads left out: the loopback, and one end of a veth pair.
const loopback = [
  '1401000010000100070000000000000000000403010000004900010000000000070003006c6f00000800040000000100',
  '0a00010000000000000000000a0002000000000000000000cc0017',
  zeros(201),
].join('')
const veth = [
  '240100001000010007000000000000000000010003000000431001000000000007000300763000000800040078050000',
  '0a00010000163e01020300000a000200ffffffffffff0000cc001700010000000000000002000000000000005a000000',
  '00000000c4',
  zeros(175),
  '10001200090001007665746800000000',
].join('')

// All addresses of the same two links and the other end of the pair.
const addresses = [
  '4c000000140002000200000054320000020880fe01000000080001007f000001080002007f000001070003006c6f0000',
  '080008008000000014000600ffffffffffffffffaa980800aa9808004c000000140002000200000054320000021080fd',
  '0300000008000100a9fe070708000200a9fe07070700030076300000080008008000000014000600ffffffffffffffff',
  'ac980800ac9808004c0000001400020002000000543200000218800003000000080001000a040404080002000a040404',
  '0700030076300000080008008000000014000600ffffffffffffffffab980800ab9808004c0000001400020002000000',
  '543200000220800003000000080001000a050502080002000a0505010700030076300000080008008000000014000600',
  'ffffffffffffffffac980800ac980800500000001400020002000000543200000a8080fe010000001400010000000000',
  '00000000000000000000000114000600ffffffffffffffffaa980800aa980800080008008000000005000b0001000000',
  '500000001400020002000000543200000a40c0fd0200000014000100fe800000000000004cfa48fffe8c9fa514000600',
  'ffffffffffffffffab980800ab98080008000800c000000005000b000300000048000000140002000200000054320000',
  '0a40c0000300000014000100fd42000000000000000000000000000514000600ffffffffffffffffac980800ac980800',
  '08000800c0000000500000001400020002000000543200000a40c0fd0300000014000100fe8000000000000002163eff',
  'fe01020314000600ffffffffffffffffab980800ab98080008000800c000000005000b0003000000',
].join('')

const parse = (hex: string) => parseMessages(Buffer.from(hex, 'hex'))
const none = {
  packetsReceived: 0,
  packetsSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  errorsReceived: 0,
  errorsSent: 0,
  droppedReceived: 0,
  droppedSent: 0,
}

test('links are read out of messages of the kernel', () => {
  assert.deepEqual(parse(loopback + veth).map(parseLink), [
    { index: 1, name: 'lo', flags: ['UP', 'LOOPBACK'], hwaddr: '00:00:00:00:00:00', mtu: 65_536, counters: none },
    {
      index: 3,
      name: 'v0',
      flags: ['UP', 'BROADCAST'],
      hwaddr: '00:16:3e:01:02:03',
      mtu: 1400,
      counters: { ...none, packetsReceived: 1, packetsSent: 2, bytesReceived: 90, bytesSent: 196 },
    },
  ])
})

test('addresses are read out of messages of the kernel', () => {
  const found = parse(addresses).map((message) => {
    const one = parseLinkAddress(message)
    return one && [one.index, one.address.family, `${one.address.address}/${one.address.prefix}`, one.address.scope]
  })
  assert.deepEqual(found, [
    [1, 4, '127.0.0.1/8', 'host'],
    [3, 4, '169.254.7.7/16', 'link'],
    [3, 4, '10.4.4.4/24', 'global'],
    [3, 4, '10.5.5.1/32', 'global'],
    [1, 6, '::1/128', 'host'],
    [2, 6, 'fe80::4cfa:48ff:fe8c:9fa5/64', 'link'],
    [3, 6, 'fd42::5/64', 'global'],
    [3, 6, 'fe80::216:3eff:fe01:203/64', 'link'],
  ])
})

test('messages that are cut off at any place do no harm', () => {
  const bytes = Buffer.from(loopback + veth + addresses, 'hex')
  for (let length = 0; length < bytes.length; length++) {
    for (const message of parseMessages(bytes.subarray(0, length))) {
      parseLink(message)
      parseLinkAddress(message)
      const { body } = message
      for (let end = 0; end < body.length; end += 7) {
        parseLink({ ...message, body: body.subarray(0, end) })
        parseLinkAddress({ ...message, body: body.subarray(0, end) })
      }
    }
  }
})

test('impossible lengths end a list', () => {
  const wrong = formatMessage(16, 0, 1, Buffer.alloc(20))
  for (const length of [0, 15, 37, 0xffff_ffff]) {
    wrong.writeUInt32LE(length, 0)
    assert.deepEqual(parseMessages(wrong), [])
  }
  const attribute = numberAttribute(4, 1500)
  for (const length of [0, 3, 9, 0xffff]) {
    attribute.writeUInt16LE(length, 0)
    assert.equal(parseAttributes(attribute, 0).size, 0)
  }
})

test('a name that a guest chose is made harmless', () => {
  assert.equal(readText(Buffer.from('eth\u001b[2J\0rest')), 'eth?[2J')
  assert.equal(readText(Buffer.from([0x65, 0xff, 0x00])), 'e\ufffd')
  assert.equal(readText(undefined), '')
})

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'only root gives namespaces ids' }

test('the links of a namespace are those the kernel shows inside, however many ask', needsRoot, async () => {
  const links = new HostNamespaceLinks()
  try {
    const answers = await Promise.all(Array.from({ length: 20 }, () => links.read(process.pid)))
    const seen = answers.map((found) => found?.map(({ name }) => name))
    const inside = Object.entries(networkInterfaces())
    for (const names of seen) for (const [name] of inside) assert.ok(names?.includes(name), `no ${name}`)
    for (const [name, at] of inside) {
      const link = answers[0]?.find((one) => one.name === name)
      assert.equal(link?.hwaddr, at?.[0]?.mac)
      assert.deepEqual(
        link?.addresses.map(({ address }) => address).toSorted(),
        at?.map(({ address }) => address).toSorted(),
      )
    }
  } finally {
    links.close()
  }
})

test('a process that is gone has no links, and nothing is left open', needsRoot, async () => {
  const links = new HostNamespaceLinks()
  const open = () => Array.from({ length: 64 }, (_, fd) => fd).filter((fd) => isSocket(fd)).length
  const before = open()
  for (let round = 0; round < 10; round++) assert.equal(await links.read(2 ** 22 + 1), undefined)
  links.close()
  assert.equal(open(), before)
})

function isSocket(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:')
  } catch {
    return false
  }
}
