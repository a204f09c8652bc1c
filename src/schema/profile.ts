import Type from 'typebox'
import type { Static } from 'typebox'
import { Devices, StringMap } from './common.ts'

/** What a user may change of a profile. */
export const ProfilePut = Type.Object(
  { config: StringMap, description: Type.String(), devices: Devices },
  { title: 'ProfilePut' },
)
export type ProfilePut = Static<typeof ProfilePut>

/** The same with every field optional: what is absent stays as it is. */
export const ProfilePatch = Type.Partial(ProfilePut, { title: 'ProfilePatch' })

/** A new profile. */
export const ProfilesPost = Type.Object({ ...ProfilePut.properties, name: Type.String() }, { title: 'ProfilesPost' })

/** A rename of a profile. */
export const ProfilePost = Type.Object({ name: Type.String({ description: 'New name' }) }, { title: 'ProfilePost' })

/** A profile as the API shows it. */
export const Profile = Type.Object(
  {
    ...ProfilePut.properties,
    name: Type.String(),
    used_by: Type.Array(Type.String(), { description: 'URLs of the instances that use the profile' }),
  },
  { title: 'Profile' },
)
export type Profile = Static<typeof Profile>
