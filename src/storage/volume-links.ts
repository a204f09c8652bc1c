import { readdir, readlink, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'

/** LXD_DIR/containers: a link for each instance to where its volume is, for operators and their tools. */
export class VolumeLinks {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes the link `name` lead to `target`. */
  async set(name: string, target: string): Promise<void> {
    const link = join(this.#directory, name)
    const now = await readlink(link).catch(() => undefined)
    if (now === target) return
    if (now !== undefined) await rm(link)
    await symlink(target, link)
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true })
  }

  /** Makes the links be exactly these. What is there and no link is left alone. */
  async setAll(targets: ReadonlyMap<string, string>): Promise<void> {
    for (const entry of await readdir(this.#directory, { withFileTypes: true })) {
      if (entry.isSymbolicLink() && !targets.has(entry.name)) await this.remove(entry.name)
    }
    for (const [name, target] of targets) await this.set(name, target)
  }
}
