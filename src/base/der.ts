/** Reading DER (ITU-T X.690 section 10), as far as certificates need it: definite lengths, tags of one byte. */

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** The explicit tags [0] and [3]. */
  context0: 0xa0,
  context3: 0xa3,
} as const

/** One element: what it is, what is in it, and all of its bytes. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

/** The elements that `bytes` consists of. Throws an Error where they are anything else. */
export function readElements(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const element = readElement(bytes.subarray(at))
    elements.push(element)
    at += element.whole.length
  }
  return elements
}

/** The elements in `element`, which must have the given tag. */
export function readInside(element: Element | undefined, tag: number): Element[] {
  if (element?.tag !== tag) throw new Error(`Invalid DER: expected tag ${tag}, found ${element?.tag ?? 'nothing'}`)
  return readElements(element.content)
}

function readElement(bytes: Buffer): Element {
  const tag = bytes[0] ?? 0
  if ((tag & 0x1f) === 0x1f) throw new Error('Invalid DER: tags of several bytes are not supported')
  const first = bytes[1] ?? 0x80
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  // Without a number of bytes the length would be indefinite; more than four are beyond any file of ours.
  if (first === 0x80 || lengthBytes > 4 || bytes.length < 2 + lengthBytes) throw new Error('Invalid DER: broken length')
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes)
  const start = 2 + lengthBytes
  if (bytes.length < start + length) throw new Error('Invalid DER: shorter than it says')
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) }
}

/** The integer in an element, as if it had no sign: to compare one with another. */
export function readInteger(element: Element | undefined): bigint {
  if (element?.tag !== tags.integer || element.content.length === 0) throw new Error('Invalid DER: expected an integer')
  return BigInt(`0x${element.content.toString('hex')}`)
}
