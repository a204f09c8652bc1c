// C0 (but for tab and line feed) and C1 steer terminals; the marks of bidirectional writing reorder what is read.
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/**
 * Text from elsewhere, fit to be shown on a terminal: what would move the
 * cursor, change colours or answer in the user's name is spelled out (`\x1b`).
 */
export function printable(text: string): string {
  return text.replaceAll(STEERING, (letter) => {
    const code = letter.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** As {@link printable}, for what has to stay on its line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
