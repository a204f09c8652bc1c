/**
 * Reads the name of a network interface: 2 to 15 characters of `[A-Za-z0-9._-]`, the first neither `.` nor `-`.
 *
 * The kernel takes more; what is left out could be read as an option, a path or a pattern by a program.
 */
export function parseLinkName(text: string): string {
  const why =
    text.length < 2
      ? 'at least 2 characters'
      : text.length > 15
        ? 'at most 15 characters'
        : /^\w[\w.-]*$/.test(text)
          ? undefined
          : 'only letters, digits, "_", "." and "-", and a first character other than "." and "-"'
  if (why !== undefined) throw new Error(`Invalid interface name ${JSON.stringify(text.slice(0, 50))}: expected ${why}`)
  return text
}
