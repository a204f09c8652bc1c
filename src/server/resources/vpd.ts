import type { ResourcesVpd } from '#schema/resources.ts'

/** Tags of resources in vital product data: PCI Local Bus Specification 3.0, appendix I. */
const tags = { end: 0x78, name: 0x82, readOnly: 0x90, readWrite: 0x91 } as const

/** What the maker of a card wrote into it. Data that is cut off or makes no sense ends the reading. */
export function parseVpd(data: Buffer): ResourcesVpd {
  let name: string | undefined
  const entries: Record<string, string> = {}
  for (let at = 0; at + 3 <= data.length;) {
    const tag = data.readUInt8(at)
    const size = data.readUInt16LE(at + 1)
    const content = data.subarray(at + 3, at + 3 + size)
    if (content.length < size) break
    if (tag === tags.name) name = plain(content)
    else if (tag === tags.readOnly || tag === tags.readWrite) Object.assign(entries, readFields(content))
    else break
    at += 3 + size
  }
  return {
    ...(name === undefined ? {} : { product_name: name }),
    ...(Object.keys(entries).length > 0 ? { entries } : {}),
  }
}

/** Fields are a keyword of two letters, a length of one byte and the value. */
function readFields(content: Buffer): Record<string, string> {
  const fields: Record<string, string> = {}
  for (let at = 0; at + 3 <= content.length;) {
    const keyword = content.toString('latin1', at, at + 2)
    const size = content.readUInt8(at + 2)
    if (at + 3 + size > content.length) break
    // RV is a checksum and space to write to, RW more such space.
    if (/^[A-Z0-9]{2}$/.test(keyword) && keyword !== 'RV' && keyword !== 'RW') {
      fields[keyword] = plain(content.subarray(at + 3, at + 3 + size))
    }
    at += 3 + size
  }
  return fields
}

function plain(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
}
