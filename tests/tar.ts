/** One entry of a tar archive, for tests that need archives no honest program would write. */
export interface TarEntry {
  readonly name: string
  readonly type: '0' | '1' | '2' | '3' | '4' | '5' | '6' | 'Z'
  readonly content?: string
  readonly link?: string
  readonly mode?: number
  readonly uid?: number
  /** What the header says the size is, where it is to lie. */
  readonly size?: number
}

export const file = (name: string, content = ''): TarEntry => ({ name, type: '0', content })
export const hardLink = (name: string, link: string): TarEntry => ({ name, type: '1', link })
export const symlink = (name: string, link: string): TarEntry => ({ name, type: '2', link })
export const node = (name: string): TarEntry => ({ name, type: '4' })
export const directory = (name: string, mode = 0o755): TarEntry => ({ name, type: '5', mode })

/** An archive in the form of POSIX 1003.1-1988 (ustar), which `pax` describes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(block), Buffer.alloc(1024)])
}

function block(entry: TarEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? '')
  const header = Buffer.alloc(512)
  header.write(entry.name, 0, 100)
  header.write(octal(entry.mode ?? 0o644, 8), 100)
  header.write(octal(entry.uid ?? 0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(entry.size ?? content.length, 12), 124)
  header.write(octal(1_700_000_000, 12), 136)
  header.write('        ', 148)
  header.write(entry.type, 156)
  header.write(entry.link ?? '', 157, 100)
  header.write('ustar\x0000', 257)
  header.write(octal(7, 8), 329)
  header.write(octal(7, 8), 337)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
}

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`
}
