import Type from 'typebox'
import type { Static } from 'typebox'
import { StringList, StringMap, Timestamp } from './common.ts'

/**
 * What a user may change of an image. Without `profiles` the image gets the profile "default", with an empty list
 * none; an `expires_at` that was never set leaves the time as it is.
 */
export const ImagePut = Type.Object(
  {
    auto_update: Type.Boolean({ description: 'Whether it follows the source it came from' }),
    properties: StringMap,
    public: Type.Boolean({ description: 'Whether clients that are not trusted see it' }),
    expires_at: Timestamp,
    profiles: Type.Optional(StringList),
  },
  { title: 'ImagePut' },
)
export type ImagePut = Static<typeof ImagePut>

/** The same with every field optional: what is absent stays as it is. */
export const ImagePatch = Type.Partial(ImagePut, { title: 'ImagePatch' })
export type ImagePatch = Static<typeof ImagePatch>

/** A name an image goes by. */
export const ImageAlias = Type.Object({ name: Type.String(), description: Type.String() }, { title: 'ImageAlias' })

/** Where an image came from, and newer ones are looked for. */
export const ImageSource = Type.Object(
  {
    alias: Type.String(),
    certificate: Type.String({ description: 'The certificate the server is known by, in PEM' }),
    protocol: Type.String({ description: 'Protocol of the server: lxd' }),
    server: Type.String({ description: 'URL of the server' }),
    image_type: Type.String({ description: 'container or virtual-machine' }),
  },
  { title: 'ImageSource' },
)

/** An image as the API shows it. */
export const Image = Type.Object(
  {
    ...ImagePut.properties,
    profiles: StringList,
    aliases: Type.Array(ImageAlias),
    architecture: Type.String(),
    cached: Type.Boolean({ description: 'Whether it was fetched because an instance needed it' }),
    filename: Type.String(),
    fingerprint: Type.String({ description: 'SHA-256 of its files, in hex' }),
    size: Type.Integer({ description: 'Bytes of its files' }),
    update_source: Type.Optional(ImageSource),
    type: Type.String({ description: 'container or virtual-machine' }),
    created_at: Timestamp,
    last_used_at: Timestamp,
    uploaded_at: Timestamp,
  },
  { title: 'Image' },
)
export type Image = Static<typeof Image>

/** Where a new image comes from. */
export const ImagesPostSource = Type.Object(
  {
    ...ImageSource.properties,
    mode: Type.String({ description: 'pull, or push for an image that another server will send' }),
    type: Type.String({ description: 'image' }),
    url: Type.String(),
    name: Type.String(),
    fingerprint: Type.String({ description: 'Fingerprint of the image, the beginning of one, or an alias' }),
    secret: Type.String({ description: 'What the server gives out a private image for' }),
    project: Type.String({ description: 'Project on the server' }),
  },
  { title: 'ImagesPostSource' },
)

/** A new image from elsewhere. */
export const ImagesPost = Type.Object(
  {
    ...ImagePut.properties,
    filename: Type.String(),
    source: ImagesPostSource,
    compression_algorithm: Type.String(),
    aliases: Type.Array(ImageAlias),
  },
  { title: 'ImagesPost' },
)
export type ImagesPost = Static<typeof ImagesPost>

/** Another server that an image is to be sent to. */
export const ImageExportPost = Type.Object(
  {
    target: Type.String({ description: 'URL of the server' }),
    secret: Type.String({ description: 'What the server takes the image for' }),
    certificate: Type.String({ description: 'The certificate the server is known by, in PEM' }),
    aliases: Type.Array(ImageAlias),
    project: Type.String({ description: 'Project on the server' }),
    profiles: Type.Optional(StringList),
  },
  { title: 'ImageExportPost' },
)
export type ImageExportPost = Static<typeof ImageExportPost>

/** What a user may change of an alias. */
export const ImageAliasesEntryPut = Type.Object(
  { description: Type.String(), target: Type.String({ description: 'Fingerprint of the image' }) },
  { title: 'ImageAliasesEntryPut' },
)

/** The same with every field optional: what is absent stays as it is. */
export const ImageAliasesEntryPatch = Type.Partial(ImageAliasesEntryPut, { title: 'ImageAliasesEntryPatch' })

/** A rename of an alias. */
export const ImageAliasesEntryPost = Type.Object({ name: Type.String() }, { title: 'ImageAliasesEntryPost' })

/** A new alias. */
export const ImageAliasesPost = Type.Object(
  { ...ImageAliasesEntryPut.properties, name: Type.String(), type: Type.String() },
  { title: 'ImageAliasesPost' },
)

/** An alias as the API shows it. */
export const ImageAliasesEntry = Type.Object(
  { ...ImageAliasesEntryPut.properties, name: Type.String(), type: Type.String() },
  { title: 'ImageAliasesEntry' },
)
export type ImageAliasesEntry = Static<typeof ImageAliasesEntry>
