/** The version of this program: that of package.json. */
export const programVersion = '0.1.0'

/**
 * The version of LXD whose API and behaviour this program has, with the program's own as build metadata
 * (https://semver.org/#spec-item-10): clients that compare versions see an LXD 5.0, people see what it is.
 */
export const serverVersion = `5.0.2+ts.${programVersion}`
