/**
 * Of Node's HTTP module what the API needs. An import statement would run all of its getters, and with them load a
 * client that the daemon has no use for: a tenth of the start-up time, and megabytes.
 */
export const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http')
