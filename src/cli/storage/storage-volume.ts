import { group } from '../command.ts'

export const storageVolume = group({
  name: 'storage volume',
  doc: 'Manage storage volumes',
  details: `A volume is named by its type and its name, "container/c1"; without a type it
is a custom volume.`,
})
