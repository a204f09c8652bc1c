import { withoutEmpty } from '#config/config.ts'
import type { DevicesConfig } from '#store/instance-record.ts'

/** What is configured in one place: an instance's own part, or a profile. */
export interface Layer {
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
}

/**
 * Layers put on top of each other, the lowest first: keys of later layers win, and a device replaces one of the same
 * name as a whole.
 */
export function expandLayers(layers: readonly Layer[]): Layer {
  const config = Object.assign({}, ...layers.map((layer) => withoutEmpty(layer.config))) as Record<string, string>
  const devices = Object.assign({}, ...layers.map((layer) => layer.devices)) as Record<string, Record<string, string>>
  return { config, devices }
}
