import { readFile } from 'node:fs/promises'

/** What tells this boot of the kernel from every other (random(4)). */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
