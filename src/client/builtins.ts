// What every command needs of Node. An import statement would also load what
// stands behind each export of these modules, readline and its history for one,
// which takes longer than the rest of a command's start.
/** `node:fs`, without what only some of it needs. */
export const fs = process.getBuiltinModule('node:fs')

/** `node:net`, without what only some of it needs. */
export const net = process.getBuiltinModule('node:net')
