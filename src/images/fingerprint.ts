/** SHA-256 of an image's files: 64 hex digits. Only what passed {@link isFingerprint} may become part of a path. */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
