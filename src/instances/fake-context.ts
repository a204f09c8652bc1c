import type { FeatureContext, HostFacts } from './feature.ts'

const controllers = ['cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'hugetlb', 'memory', 'pids']

/** An instance on a made-up host whose controllers all have one version of cgroups, for tests of features. */
export function fakeContext(
  config: Readonly<Record<string, string>>,
  options: {
    readonly version?: 1 | 2
    readonly host?: Partial<HostFacts>
    readonly pins?: Readonly<Record<number, number>>
  } = {},
): FeatureContext {
  const { version = 2, host, pins = {} } = options
  return {
    name: 'c1',
    architecture: 'x86_64',
    config,
    idmap: [],
    host: {
      cgroups: new Map(controllers.map((name) => [name, version])),
      swapAccounting: true,
      memory: 1000 * 2 ** 20,
      cpus: [0, 1, 2, 3],
      hugePages: ['2MB', '1GB'],
      lxcfs: undefined,
      apparmor: false,
      machine: 'x86_64',
      ...host,
    },
    pins: new Map(Object.entries(pins).map(([cpu, count]) => [Number(cpu), count])),
  }
}
