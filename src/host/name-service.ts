import type { Run } from './run.ts'

/**
 * The ids of users or groups of the host, by name, from wherever nsswitch.conf(5) says (getent(1)). Names that are
 * not there are missing.
 */
export async function findIds(
  run: Run,
  database: 'passwd' | 'group',
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  // A name of digits would be taken for an id.
  const asked = names.filter((name) => /^[^\s:,/-][^\s:,/]*$/.test(name) && !/^\d+$/.test(name))
  if (asked.length === 0) return new Map()
  const { stdout } = await run('getent', [database, ...asked], { accept: [0, 2], timeout: 5000 })
  const found = new Map<string, number>()
  for (const line of stdout.split('\n')) {
    const [name = '', , id = ''] = line.split(':')
    if (asked.includes(name) && /^\d+$/.test(id)) found.set(name, Number(id))
  }
  return found
}
