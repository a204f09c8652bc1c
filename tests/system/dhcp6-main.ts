// Asks for an address by DHCPv6 on eth0 of this network namespace and prints it: `dhcp6-main.ts MAC NAME`, NAME being
// what the client claims to be called (RFC 8415 with rapid commit, RFC 4704).
import { createSocket } from 'node:dgram'
import { numberToAddress } from '#base/address.ts'

const [mac = '', name = ''] = process.argv.slice(2)

function option(code: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value])
}

function findOption(options: Buffer, code: number): Buffer | undefined {
  for (let at = 0; at + 4 <= options.length; at += 4 + options.readUInt16BE(at + 2)) {
    const value = options.subarray(at + 4, at + 4 + options.readUInt16BE(at + 2))
    if (options.readUInt16BE(at) === code) return value
  }
  return undefined
}

const duid = Buffer.from(`00030001${mac.replaceAll(':', '')}`, 'hex')
const labels = Buffer.concat([Buffer.from([1, name.length]), Buffer.from(name)])
const solicit = Buffer.concat([
  Buffer.from([1, 1, 2, 3]),
  option(1, duid),
  option(14, Buffer.alloc(0)),
  option(8, Buffer.alloc(2)),
  option(3, Buffer.from('000000070000000000000000', 'hex')),
  option(39, labels),
])

const socket = createSocket('udp6')
socket.on('message', (message) => {
  const address = findOption(findOption(message.subarray(4), 3)?.subarray(12) ?? Buffer.alloc(0), 5)?.subarray(0, 16)
  if (message[0] !== 7 || !address) return
  console.log(numberToAddress(BigInt(`0x${address.toString('hex')}`), 6))
  socket.close()
  clearInterval(timer)
})
const send = () => socket.send(solicit, 547, 'ff02::1:2%eth0')
socket.bind(546, '::', send)
const timer = setInterval(send, 500)
