import { readFile } from 'node:fs/promises'

/** The name and version of the operating system, such as `Debian GNU/Linux` and `12`; empty where it doesn't say. */
export interface OsRelease {
  readonly name: string
  readonly version: string
}

/** Reads /etc/os-release, or the vendor's copy of it (os-release(5)). */
export async function readOsRelease(paths = ['/etc/os-release', '/usr/lib/os-release']): Promise<OsRelease> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text !== undefined) return parseOsRelease(text)
  }
  return { name: '', version: '' }
}

/** Takes the two fields out of the shell assignments of an os-release file. */
export function parseOsRelease(text: string): OsRelease {
  const fields = new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [, name, value] = /^([A-Z_0-9]+)=(.*)$/.exec(line.trim()) ?? []
      return name === undefined || value === undefined ? [] : [[name, unquote(value)]]
    }),
  )
  return { name: fields.get('NAME') ?? '', version: fields.get('VERSION_ID') ?? '' }
}

function unquote(text: string): string {
  const inner = /^(["'])(.*)\1$/.exec(text)?.[2]
  return (inner ?? text).replaceAll(/\\(["'$`\\])/g, '$1')
}
