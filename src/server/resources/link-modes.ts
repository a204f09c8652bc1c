/**
 * Names of what ethtool(8) numbers: bits of link modes (`ETHTOOL_LINK_MODE_*_BIT` of linux/ethtool.h), types of
 * ports (`PORT_*`) and of transceivers (`XCVR_*`).
 */
const modes: ReadonlyMap<number, string> = new Map([
  [0, '10baseT/Half'],
  [1, '10baseT/Full'],
  [2, '100baseT/Half'],
  [3, '100baseT/Full'],
  [4, '1000baseT/Half'],
  [5, '1000baseT/Full'],
  [12, '10000baseT/Full'],
  [15, '2500baseX/Full'],
  [17, '1000baseKX/Full'],
  [18, '10000baseKX4/Full'],
  [19, '10000baseKR/Full'],
  [23, '40000baseKR4/Full'],
  [24, '40000baseCR4/Full'],
  [25, '40000baseSR4/Full'],
  [26, '40000baseLR4/Full'],
  [31, '25000baseCR/Full'],
  [32, '25000baseKR/Full'],
  [33, '25000baseSR/Full'],
  [34, '50000baseCR2/Full'],
  [35, '50000baseKR2/Full'],
  [36, '100000baseKR4/Full'],
  [37, '100000baseSR4/Full'],
  [38, '100000baseCR4/Full'],
  [39, '100000baseLR4_ER4/Full'],
  [40, '50000baseSR2/Full'],
  [41, '1000baseX/Full'],
  [42, '10000baseCR/Full'],
  [43, '10000baseSR/Full'],
  [44, '10000baseLR/Full'],
  [45, '10000baseLRM/Full'],
  [46, '10000baseER/Full'],
  [47, '2500baseT/Full'],
  [48, '5000baseT/Full'],
])

const portBits: ReadonlyMap<number, string> = new Map([
  [7, 'twisted pair'],
  [8, 'AUI'],
  [9, 'media-independent'],
  [10, 'fibre'],
  [11, 'BNC'],
  [16, 'backplane'],
])

const ports: ReadonlyMap<number, string> = new Map([
  [0x00, 'twisted pair'],
  [0x01, 'AUI'],
  [0x02, 'media-independent'],
  [0x03, 'fibre'],
  [0x04, 'BNC'],
  [0x05, 'direct attach'],
  [0xef, 'none'],
  [0xff, 'other'],
])

/** The names of the modes among link mode bits. */
export function modeNames(bits: readonly number[]): string[] {
  return bits.flatMap((bit) => modes.get(bit) ?? [])
}

/** The names of the types of port among link mode bits. */
export function portNames(bits: readonly number[]): string[] {
  return bits.flatMap((bit) => portBits.get(bit) ?? [])
}

export function portType(number: number): string {
  return ports.get(number) ?? ''
}

export function transceiverType(number: number): string {
  return ['internal', 'external'][number] ?? ''
}
