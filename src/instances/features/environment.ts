import { badRequest } from '#base/failure.ts'
import { string } from '#config/key.ts'
import { checkPrintable } from '../printable.ts'
import { defineFeature, family } from '../feature.ts'

/** What the names of environment variables start with, as configuration keys. */
export const environmentPrefix = 'environment.'

/** Variables in the environment of an instance's init and of commands run in it. */
export const environment = defineFeature({
  keys: {
    'environment.*': string({
      doc: `A variable in the environment of the instance's init, and of commands that are run in it.

A change reaches commands at once, the init at the next start.`,
      live: true,
      risk: 'safe',
      check: checkPrintable,
    }),
  },

  check(_, config) {
    for (const [name] of family(config, environmentPrefix)) {
      if (!/^[!-<>-~]+$/.test(name)) {
        throw badRequest(
          `Invalid instance configuration: "${environmentPrefix}${name}": expected a name of printable characters without "="`,
        )
      }
    }
  },

  lxc: (_, { config }) =>
    family(config, environmentPrefix).map(([name, value]) => ['lxc.environment', `${name}=${value}`] as const),
})
