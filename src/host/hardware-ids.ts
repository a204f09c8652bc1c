import { readFile } from 'node:fs/promises'

/** The names behind the numbers of a bus, as in pci.ids and usb.ids. */
export class HardwareIds {
  readonly #vendors = new Map<string, { readonly name: string; readonly products: Map<string, string> }>()
  readonly #classes = new Map<string, { readonly name: string; readonly subclasses: Map<string, string> }>()

  /** Reads the text of an ids file: vendors at the start of a line, products after a tab, classes after `C `. */
  static parse(text: string): HardwareIds {
    const ids = new HardwareIds()
    let inside: Map<string, string> | undefined
    for (const line of text.split('\n')) {
      const [, tabs = '', mark = '', id, name] = /^(\t?)(C )?([0-9a-f]{2,4}) {2}(.+)$/.exec(line) ?? []
      // A line of another kind ends what came before: other tables, and levels below the product, are not for us.
      if (id === undefined || name === undefined) {
        if (!line.startsWith('\t') && !line.startsWith('#')) inside = undefined
      } else if (tabs !== '') {
        if (mark === '') inside?.set(id, name)
      } else {
        inside = new Map()
        if (mark === '') ids.#vendors.set(id, { name, products: inside })
        else ids.#classes.set(id, { name, subclasses: inside })
      }
    }
    return ids
  }

  vendor(id: string): string {
    return this.#vendors.get(id)?.name ?? ''
  }

  product(vendor: string, id: string): string {
    return this.#vendors.get(vendor)?.products.get(id) ?? ''
  }

  class(id: string): string {
    return this.#classes.get(id)?.name ?? ''
  }

  subclass(of: string, id: string): string {
    return this.#classes.get(of)?.subclasses.get(id) ?? ''
  }
}

/** Reads `pci.ids` or `usb.ids` from where systems keep them; where there is none, nothing has a name. */
export async function readHardwareIds(
  file: 'pci.ids' | 'usb.ids',
  folders = ['/usr/share/hwdata', '/usr/share/misc', '/var/lib/usbutils'],
): Promise<HardwareIds> {
  for (const folder of folders) {
    const text = await readFile(`${folder}/${file}`, 'utf8').catch(() => undefined)
    if (text !== undefined) return HardwareIds.parse(text)
  }
  return HardwareIds.parse('')
}
