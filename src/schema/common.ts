import Type from 'typebox'
import type { TSchema } from 'typebox'

/** Text by key: how the API carries every configuration. */
export const StringMap = Type.Record(Type.String(), Type.String())

/** Devices by name, each a map of its keys. */
export const Devices = Type.Record(Type.String(), StringMap)

/** A list of words: profiles, URLs in `used_by`, names. */
export const StringList = Type.Array(Type.String())

/** RFC 3339; never set is `0001-01-01T00:00:00Z`. */
export const Timestamp = Type.String({ format: 'date-time' })

/** A count that can't be below zero. */
export const Count = Type.Integer({ minimum: 0 })

/** One of LXD's status codes, such as 103 for running. */
export const StatusCode = Type.Integer({ description: 'Status code, such as 103 for running' })

/** What a list answers with: URLs, or with `recursion=1` the things themselves. */
export function listOf<Item extends TSchema>(item: Item) {
  return Type.Union([StringList, Type.Array(item)])
}
