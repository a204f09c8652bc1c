import { exportImage } from '#images/export.ts'
import type { ImageExport } from '#images/export.ts'
import type { Images } from '#images/images.ts'

/**
 * The files of an image for a guest of a project. It may have what is public, and what was kept from another server to
 * be used from here; undefined for all else.
 */
export async function openGuestImage(
  images: Images,
  project: string,
  fingerprint: string,
): Promise<ImageExport | undefined> {
  const image = images.list(project).find((one) => one.fingerprint === fingerprint)
  return image && (image.public || image.cached) ? await exportImage(image, images.paths(image)) : undefined
}
