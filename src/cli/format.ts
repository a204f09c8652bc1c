// How values are shown to people.

/** A point in time with its zone, `2026/11/23 22:28 UTC`; nothing for one that stands for "never". */
export function formatTime(time: string): string {
  const milliseconds = Date.parse(time)
  if (Number.isNaN(milliseconds) || milliseconds <= 0) return ''
  const text = new Date(milliseconds).toISOString()
  return `${text.slice(0, 10).replaceAll('-', '/')} ${text.slice(11, 16)} UTC`
}

/** Bytes in powers of 1024, with two decimals above a thousand: `544.00KiB`. */
export function formatBytes(bytes: number, decimals = 2): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'], decimals)
}

/** Bytes in powers of 1000: `3.42kB`. */
export function formatDecimalBytes(bytes: number, decimals = 2): string {
  return scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'], decimals)
}

function scaled(value: number, base: number, units: readonly string[], decimals: number): string {
  if (value < base) return `${value}${units[0]}`
  let unit = 0
  let rest = value
  while (rest >= base && unit < units.length - 1) {
    rest /= base
    unit++
  }
  return `${rest.toFixed(decimals)}${units[unit]}`
}

/** Bytes in millions: `0.99MB`, counted as LXD counts them for images, in powers of 1024. */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)}MB`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A point in time as lists of images show it: `Nov 23, 2026 at 10:28pm (UTC)`. */
export function formatUploadTime(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return ''
  const hour = date.getUTCHours()
  const clock = `${hour % 12 || 12}:${String(date.getUTCMinutes()).padStart(2, '0')}${hour < 12 ? 'am' : 'pm'}`
  return `${MONTHS[date.getUTCMonth()]!} ${date.getUTCDate()}, ${date.getUTCFullYear()} at ${clock} (UTC)`
}
