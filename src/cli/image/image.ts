import { group } from '../command.ts'

export const image = group({
  name: 'image',
  doc: 'Manage images',
  details: `Instances are made from images: files that hold a system and what there is to
say about it. An image is known by its fingerprint, the SHA-256 of its file (of
both its files, where there are two), by the beginning of one that fits no
other, or by an alias.`,
})
