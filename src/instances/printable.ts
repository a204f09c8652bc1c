/** Throws where a text has control characters: line breaks, terminal escapes, NUL. */
export function checkPrintable(text: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F\u007F]/.test(text)) {
    throw new Error(`Invalid value ${JSON.stringify(text).slice(0, 100)}: expected text without control characters`)
  }
}
